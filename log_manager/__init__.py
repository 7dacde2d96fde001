"""Log manager: appends every event to `logs.txt` and every answer to `call_center_status.txt`."""

from log_manager.app import celery

__all__ = ["celery"]  # `celery -A log_manager.celery worker -Q logs`, from the root
