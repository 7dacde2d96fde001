"""The call center's receptor: available nine times in ten."""

import random
from datetime import UTC, datetime

from celery import Celery

from comun.messages import Hop

celery = Celery("receptor")


@celery.task(name="callcenter_request")
def callcenter_request() -> None:
    args = ("Receptor call center", Hop.ANSWERED.message(), datetime.now(UTC).isoformat(" "))
    celery.send_task("write_log", args=args, queue="logs")
    celery.send_task("platform_callback", args=(int(random.random() < 0.9),), queue="platform")
