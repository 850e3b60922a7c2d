"""The seven stages, one file each, in the order of the recipe."""

from trainwright.recipe.stage import Stage
from trainwright.recipe.stages.audit import AuditStage
from trainwright.recipe.stages.check import CheckStage
from trainwright.recipe.stages.overfit import OverfitStage
from trainwright.recipe.stages.regularize import RegularizeStage
from trainwright.recipe.stages.report import ReportStage
from trainwright.recipe.stages.squeeze import SqueezeStage
from trainwright.recipe.stages.tune import TuneStage

STAGES: tuple[Stage, ...] = (
    AuditStage(),
    CheckStage(),
    OverfitStage(),
    RegularizeStage(),
    TuneStage(),
    SqueezeStage(),
    ReportStage(),
)
"""All stages; a run goes through them in this order."""
