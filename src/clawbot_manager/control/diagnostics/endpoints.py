"""Health and system routes, which need no sign-in, and those that look for what is wrong."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from clawbot_manager import __version__
from clawbot_manager.control.access.endpoints import AdminCaller, SignedInCaller
from clawbot_manager.control.accounts.endpoints import Accounts
from clawbot_manager.control.diagnostics.bot_checks import BotDiagnosis
from clawbot_manager.control.diagnostics.machine import MachineDiagnostics
from clawbot_manager.control.diagnostics.schemas import (
    DiagnoseIn,
    DiagnosisOut,
    DiagnosticsOut,
    LiveOut,
    ReadyOut,
    SystemOut,
)
from clawbot_manager.control.diagnostics.service import DiagnosticsService
from clawbot_manager.control.shared.edge import SIGNED_IN, HostnamePath, problems, service
from clawbot_manager.runtimes.base import Runtime
from clawbot_manager.settings import Settings
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL

router = APIRouter(tags=["system"])

Diagnosis = Annotated[BotDiagnosis, Depends(service(BotDiagnosis))]
Machine = Annotated[MachineDiagnostics, Depends(service(MachineDiagnostics))]
Diagnostics = Annotated[DiagnosticsService, Depends(service(DiagnosticsService))]


@router.get("/health")
async def live() -> LiveOut:
    """The process answers."""
    return LiveOut(version=__version__)


@router.get("/health/ready", responses={503: {"model": ReadyOut, "description": "A check fails"}})
async def ready(response: Response, diagnostics: Diagnostics) -> ReadyOut:
    """Whether this process can serve, check by check; 503 when not."""
    result = await diagnostics.ready()
    response.status_code = 200 if result.status == "ready" else 503
    return result


@router.get("/api/diagnostics", tags=["diagnostics"], responses={**SIGNED_IN, **problems(403)})
async def diagnostics(_caller: AdminCaller, machine: Machine) -> DiagnosticsOut:
    """How this machine, its bots and its API are."""
    return await machine.look()


@router.post("/api/bot/{hostname}/diagnose", tags=["bot"], responses={**SIGNED_IN, **problems(404)})
async def diagnose_bot(
    caller: SignedInCaller, hostname: HostnamePath, given: DiagnoseIn, diagnosis: Diagnosis
) -> DiagnosisOut:
    """Look at everything that a bot needs: keys, models, instance, gateway, network, a prompt."""
    return await diagnosis.diagnose(caller, hostname, prompt=given.prompt)


@router.get("/api/system")
async def system(request: Request, accounts: Accounts) -> SystemOut:
    """What the console needs to know before anyone signs in."""
    settings: Settings = request.app.state.services[Settings]
    runtime: Runtime = request.app.state.services[Runtime]
    return SystemOut(
        version=__version__,
        environment=settings.environment,
        needs_setup=await accounts.needs_setup(),
        sign_up_open=accounts.sign_up_open,
        simulator_enabled=settings.simulator_enabled,
        simulated_base_url=SIMULATED_BASE_URL,
        runtime=runtime.name,
        isolated=runtime.isolation.isolated,
        isolation_warning=runtime.isolation.warning,
    )
