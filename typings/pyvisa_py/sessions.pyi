from typing import Any

from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.rname import ResourceName
from pyvisa.typing import VISARMSession

class Session:
    timeout: float | None
    open_timeout: int | None
    attrs: dict[ResourceAttribute, Any]
    def __init__(
        self,
        resource_manager_session: VISARMSession,
        resource_name: str,
        parsed: ResourceName | None = None,
        open_timeout: int | None = None,
    ) -> None: ...
    def get_attribute(self, attribute: ResourceAttribute) -> tuple[Any, StatusCode]: ...
    def close(self) -> StatusCode: ...
