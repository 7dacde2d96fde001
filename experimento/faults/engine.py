"""The experiment's own process: `python -m experimento.faults.engine EXPERIMENT JOURNAL` has Chaos Toolkit play it.

A process of its own because the engine takes signals for itself, and because killing it is the surest way to stop it:
whoever started it undoes the fault then (`experimento.supervision.undo`).
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from chaoslib.experiment import run_experiment

from comun import files, language


def main(experiment: Path, journal: Path) -> None:
    """Play one experiment and keep the journal."""
    found = run_experiment(json.loads(files.read_text(experiment)), settings={})
    files.replace(journal, json.dumps(found, default=str))


if __name__ == "__main__":
    language.start(sys.argv)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
