"""Options about requirements, shared by the commands that judge."""

from collections.abc import Sequence

import click

from comun.language import _
from experimento.judgement.requirements import Kind, Requirement, parse

require = click.option(
    "--require",
    "texts",
    multiple=True,
    metavar=_("REQUISITO"),
    help=_("Como 'service>=99%', 'p99<500ms' o 'lost==0'; se puede repetir."),
)


def requirements(texts: tuple[str, ...]) -> tuple[Requirement, ...]:
    """Read the requirements that were given. Raises ConfigurationError."""
    return tuple(parse(text) for text in texts)


def service_target(wanted: Sequence[Requirement]) -> float:
    """Return the share of the first requirement on the service, which is what a run can be stopped early for."""
    found = next((r.value for r in wanted if r.kind is Kind.SHARE and r.subject == "service"), None)
    if found is None:
        raise click.UsageError(
            _("--until-decided necesita un requisito sobre el servicio, como --require 'service>=99%'.")
        )
    return found
