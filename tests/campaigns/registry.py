"""Every campaign there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from campaigns.cut_link import CUT_LINK
from campaigns.damage import DAMAGE
from campaigns.disk_full import DISK_FULL
from campaigns.faults import FAULTS
from campaigns.fuzz_files import FUZZ_FILES
from campaigns.fuzz_panels import FUZZ_PANELS
from campaigns.kills import KILLS
from campaigns.lock_races import LOCK_RACES
from campaigns.outputs_off import OUTPUTS_OFF

if TYPE_CHECKING:
    from campaigns.frame import Campaign

CAMPAIGNS: Final[tuple[Campaign, ...]] = (
    *DAMAGE,
    *FUZZ_PANELS,
    *FUZZ_FILES,
    *FAULTS,
    *CUT_LINK,
    *DISK_FULL,
    *KILLS,
    *LOCK_RACES,
    *OUTPUTS_OFF,
)
