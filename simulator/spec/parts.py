"""What can be replaced: `use:` names a class, the other keys are its arguments, checked by the class's own types."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any, NoReturn, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError, ValidationInfo, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema, to_json

from simulator.spec.errors import SpecError, closest, did_you_mean, fault, near, shown
from simulator.spec.library import Library
from simulator.spec.messages import checked
from simulator.spec.reader import read_yaml
from simulator.spec.refs import Names

BUILTIN_WORKLOADS = (
    "azure-conv-like",
    "azure-code-like",
    "mooncake-conv-like",
    "agentic-coding-like",
    "burstgpt-like",
)

ARRIVALS = {
    "poisson": "simulator.workload.arrivals:Poisson",
    "gamma": "simulator.workload.arrivals:Gamma",
    "constant": "simulator.workload.arrivals:Constant",
    "rates": "simulator.workload.arrivals:Rates",
    "on-off": "simulator.workload.arrivals:OnOff",
    "all-at-once": "simulator.workload.arrivals:AllAtOnce",
    "trace": "simulator.workload.traces:Trace",
    "users": "simulator.workload.closed:Users",
    "sessions": "simulator.workload.closed:Sessions",
    **dict.fromkeys(BUILTIN_WORKLOADS, "simulator.workload.builtin:BuiltinArrivals"),
}

LENGTHS = {
    "fixed": "simulator.workload.lengths:Fixed",
    "lognormal": "simulator.workload.lengths:LogNormal",
    "quantiles": "simulator.workload.lengths:Quantiles",
    "trace": "simulator.workload.traces:TraceLengths",
    **dict.fromkeys(BUILTIN_WORKLOADS, "simulator.workload.builtin:BuiltinLengths"),
}

STEPS = {
    "linear": "simulator.physics.linear:Linear",
    "table": "simulator.physics.table:Table",
    "roofline": "simulator.physics.roofline:Roofline",
}

POLICIES = {
    "always": "simulator.policies.always:Always",
    "random": "simulator.policies.random_share:RandomShare",
    "threshold": "simulator.policies.threshold:Threshold",
    "cascade": "simulator.policies.cascade:Cascade",
    "least-loaded": "simulator.policies.least_loaded:LeastLoaded",
    "oracle": "simulator.policies.oracle:Oracle",
    "carrot": "simulator.policies.routing_utility:Carrot",
    "always-small": "simulator.policies.routing_baselines:AlwaysSmall",
    "always-large": "simulator.policies.routing_baselines:AlwaysLarge",
    "best-single": "simulator.policies.routing_baselines:BestSingle",
    "zero-router": "simulator.policies.routing_baselines:ZeroRouter",
    "rules": "simulator.policies.rules:Rules",
    "hybrid-llm": "simulator.policies.routing_pair:HybridLlm",
    "routellm-sw": "simulator.policies.routing_pair:RouteLlmSw",
    "routellm-mf": "simulator.policies.routing_pair:RouteLlmMf",
    "routellm-classifier": "simulator.policies.routing_pair:RouteLlmClassifier",
    "tryage": "simulator.policies.routing_learned:Tryage",
    "zooter": "simulator.policies.routing_learned:Zooter",
    "eagle": "simulator.policies.routing_learned:Eagle",
    "uniroute": "simulator.policies.routing_learned:UniRoute",
    "knn-router": "simulator.policies.routing_learned:KnnRouter",
    "mlp-router": "simulator.policies.routing_learned:MlpRouter",
    "svm-router": "simulator.policies.routing_learned:SvmRouter",
    "forc": "simulator.policies.routing_budget:Forc",
    "routoo": "simulator.policies.routing_budget:Routoo",
    "optllm": "simulator.policies.routing_budget:OptLlm",
    "omnirouter": "simulator.policies.routing_budget:OmniRouter",
    "best-route": "simulator.policies.routing_samples:BestRoute",
    "uncertainty": "simulator.policies.escalation_confidence:Uncertainty",
    "confidence-token": "simulator.policies.escalation_confidence:ConfidenceToken",
    "self-verify": "simulator.policies.escalation_confidence:SelfVerify",
    "two-tier": "simulator.policies.escalation_confidence:TwoTier",
    "consistency": "simulator.policies.escalation_votes:Consistency",
    "ecoassistant": "simulator.policies.escalation_votes:EcoAssistant",
    "automix": "simulator.policies.escalation_automix:AutoMix",
    "frugalgpt": "simulator.policies.escalation_frugal:FrugalGPT",
    "rational-tuning": "simulator.policies.escalation_rational:RationalTuning",
    "cascade-routing": "simulator.policies.escalation_routing:CascadeRouting",
    "vote": "simulator.policies.ensembles:Vote",
    "best-of-n": "simulator.policies.ensembles:BestOfN",
    "blender": "simulator.policies.ensembles:Blender",
    "hedge": "simulator.policies.ensembles:Hedge",
    "fallback": "simulator.policies.compose:Fallback",
    "retry": "simulator.policies.compose:Retry",
    "escalate": "simulator.policies.compose:Escalate",
    "greenserv": "simulator.policies.online_bandits:GreenServ",
    "metallm": "simulator.policies.online_bandits:MetaLLM",
    "pickllm": "simulator.policies.online_pickllm:PickLLM",
    "mixllm": "simulator.policies.online_corrected:MixLLM",
    "pilot": "simulator.policies.online_corrected:Pilot",
    "hil-f": "simulator.policies.online_hil:HilF",
    "hil-n": "simulator.policies.online_hil:HilN",
    "cache-distil": "simulator.policies.online_distil:CacheDistil",
    "moving-threshold": "simulator.policies.system_moving:MovingThreshold",
    "headroom": "simulator.policies.system_headroom:Headroom",
    "routebalance": "simulator.policies.system_instances:RouteBalance",
    "gateway": "simulator.policies.system_instances:Gateway",
    "simple-shuffle": "simulator.policies.system_litellm:SimpleShuffle",
    "least-busy": "simulator.policies.system_litellm:LeastBusy",
    "usage-based": "simulator.policies.system_litellm:UsageBased",
    "latency-based": "simulator.policies.system_litellm:LatencyBased",
    "cost-based": "simulator.policies.system_litellm:CostBased",
    "speculative": "simulator.policies.rounds:Speculative",
    "speculative-cascade": "simulator.policies.rounds:SpeculativeCascade",
    "hybrid-tokens": "simulator.policies.rounds:HybridTokens",
}

ESTIMATORS = {
    "bt-similarity": "simulator.learning.ratings:BradleyTerrySimilarity",
    "elo": "simulator.learning.ratings:Elo",
    "gap-classifier": "simulator.learning.gap:GapClassifier",
    "kmeans": "simulator.learning.clusters:KMeans",
    "knn": "simulator.learning.neighbours:Knn",
    "learned-map": "simulator.learning.clusters:LearnedMap",
    "linear": "simulator.learning.regression:Linear",
    "mean": "simulator.learning.means:Mean",
    "mf": "simulator.learning.factors:MatrixFactorisation",
    "mlp": "simulator.learning.regression:Mlp",
    "recorded": "simulator.learning.recorded:RecordedScores",
    "svm": "simulator.learning.regression:Svm",
    "task-mean": "simulator.learning.means:TaskMean",
}

ENCODERS = {
    "cluster": "simulator.learning.clusters:Cluster",
    "complexity": "simulator.learning.text:Complexity",
    "embedding": "simulator.learning.features:Embedding",
    "joined": "simulator.learning.features:Joined",
    "length": "simulator.learning.features:Length",
    "recorded": "simulator.learning.features:Recorded",
    "task": "simulator.learning.features:Task",
    "text": "simulator.learning.text:Text",
    "usual": "simulator.learning.features:Usual",
}

_IMPORT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Part:
    """A part of a scenario: what the file calls it, its class, and the class's checked arguments, defaults included."""

    use: str
    cls: type
    args: Mapping[str, Any]
    profile: bool = False
    """`use` is the name of a profile, which says the class and all arguments."""

    def make(self, **given: Any) -> Any:
        """A new instance; `given` are the arguments that no file gives, such as the profiles of a step model."""
        return self.cls(**{name: _made(value) for name, value in self.args.items()}, **given)

    def written(self) -> dict[str, Any]:
        """The part as a file would have it, with all defaults, in plain data."""
        if self.profile:
            return {"use": self.use}
        args = arguments(self.cls).model_construct(**self.args).model_dump(mode="json", warnings=False)
        return {"use": self.use} | {name: args[name] for name in self.args if name not in named(self.use)}


@dataclass(frozen=True)
class PartOf:
    """Makes `Part` a type that pydantic reads from a file: a name, or a map with `use`, from one table of classes."""

    kind: str
    does: tuple[str, ...]
    """A class of this kind has one of these methods."""

    @property
    def table(self) -> Mapping[str, str]:
        """Names and import strings."""
        return TABLES[self.kind]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._read,
            serialization=core_schema.plain_serializer_function_ser_schema(partial(_written, self.kind)),
        )

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        return {"x-part": self.kind}  # `spec.schema` puts the table of parts here

    def _read(self, value: object, info: ValidationInfo) -> Part:
        if isinstance(value, Part):
            return value
        if isinstance(value, str):
            return self._part(value, {}, info, ())
        if not isinstance(value, dict):
            raise fault(f"must be a name or a map with 'use', not {shown(value)}")
        if "use" not in value:
            _refuse([InitErrorDetails(type="missing", loc=("use",), input=value)])
        if not isinstance(value["use"], str):
            _refuse([InitErrorDetails(type="string_type", loc=("use",), input=value["use"])])
        return self._part(value["use"], {key: item for key, item in value.items() if key != "use"}, info, ("use",))

    def _part(self, use: str, args: dict[str, Any], info: ValidationInfo, loc: tuple[str, ...]) -> Part:
        """The part; mistakes of its name are at `loc`, mistakes of its arguments at their keys."""
        try:
            profiles = self._profiles(info)
            if profiles is not None and use in profiles.names("steps"):
                if args:
                    refused = fault(f"unknown key: the profile {use!r} says all")
                    _refuse([InitErrorDetails(type=refused, loc=(key, "[key]"), input=key) for key in args])
                return self._of_profile(use, profiles)
            cls = self.find(use, () if profiles is None else profiles.names("steps"))
            model = arguments(cls)
        except PydanticCustomError as error:
            _refuse([InitErrorDetails(type=error, loc=loc, input=use)])
        filled = named(use)
        settable = [name for name in model.model_fields if name not in filled]
        strange = [key for key in args if key not in settable]
        misspelt = {closest(key, settable) for key in strange}
        unknown = [
            InitErrorDetails(type=fault(f"unknown key{did_you_mean(key, settable)}"), loc=(key, "[key]"), input=key)
            for key in strange
        ]
        known = {key: args[key] for key in args if key in settable} | filled
        try:
            values = model.model_validate_json(to_json(known), strict=True, context=info.context)
        except ValidationError as error:
            errors = [e for e in error.errors() if e["type"] != "missing" or e["loc"][-1] not in misspelt]
            _refuse([*unknown, *map(_again, errors)])
        if unknown:
            _refuse(unknown)
        return _tried(Part(use, cls, {name: getattr(values, name) for name in model.model_fields}))

    def _profiles(self, info: ValidationInfo) -> Library | None:
        """Where names that the table does not have are looked up: steps only."""
        return info.context.library if self.kind == "steps" and isinstance(info.context, Names) else None

    def _of_profile(self, name: str, profiles: Library) -> Part:
        """The part that a profile of the library says. SpecError for mistakes in it, at their positions."""
        profile = profiles.read("steps", name)
        cls = self.find(profile.use)
        args = checked(arguments(cls), read_yaml(profiles.path("steps", name)).under("args"))
        said = {key: getattr(args, key) for key in type(args).model_fields}
        if "evidence" not in profile.args:
            said["evidence"] = profile.evidence("args")
        return Part(name, cls, said, profile=True)

    def find(self, use: str, others: Iterable[str] = ()) -> type:
        """The class that `use` names; `others` are names that stand beside the table's.

        Raises the error for the user where there is none that fits.
        """
        where = self.table.get(use, use)
        if not _IMPORT.fullmatch(where):
            raise fault(near(use, [*self.table, *others]))
        cls = imported(where)
        if not dataclasses.is_dataclass(cls) or not any(hasattr(cls, method) for method in self.does):
            needed = " or ".join(f"{method}()" for method in self.does)
            raise fault(f"{where} is no dataclass with {needed}, which {self.kind} need")
        return cls


def _made(value: Any) -> Any:
    """What a part holds, made too."""
    if isinstance(value, Part):
        return value.make()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{f.name: _made(getattr(value, f.name)) for f in dataclasses.fields(value)})
    if isinstance(value, tuple):
        return tuple(_made(each) for each in value)
    if isinstance(value, dict):
        return {key: _made(each) for key, each in value.items()}
    return value


def _written(kind: str, value: Any) -> Any:
    """A part as a file would have it; a default is what it makes already."""
    if isinstance(value, Part):
        return value.written()
    where = f"{type(value).__module__}:{type(value).__qualname__}"
    use = next((use for use, there in TABLES[kind].items() if there == where), where)
    said = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    return Part(use, type(value), said).written()


def _refuse(errors: list[InitErrorDetails]) -> NoReturn:
    raise ValidationError.from_exception_data("part", errors)


def _again(error: Any) -> InitErrorDetails:
    """An error of the arguments, to be raised again as one of the part."""
    ours = error["type"] not in get_args(core_schema.ErrorType)
    kind = fault(error["msg"]) if ours else error["type"]
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=error.get("ctx", {}))


def _tried(part: Part) -> Part:
    """The part, after it could be made: its class may refuse values that go ill together."""
    if not any(_is_given(f) for f in dataclasses.fields(part.cls)):
        try:
            part.make()
        except (ValueError, ArithmeticError, SpecError) as error:
            raise fault(str(error)) from None
    return part


def named(use: str) -> dict[str, str]:
    """Arguments that the name itself fills in: several workloads share a class that is told which one it is."""
    return {"name": use} if use in BUILTIN_WORKLOADS else {}


def imported(where: str) -> type:
    """The class at `package.module:Class`. Raises the error for the user where there is none."""
    module_name, _, name = where.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's module can fail in any way
        is_unknown = isinstance(error, ModuleNotFoundError) and error.name == module_name.partition(".")[0]
        looked = "; looked in the working folder and where Python looks (PYTHONPATH)" if is_unknown else ""
        raise fault(f"cannot import {module_name!r}: {type(error).__name__}: {error}{looked}") from None
    cls = getattr(module, name, None)
    if not isinstance(cls, type):
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == module_name]
        raise fault(near(name, own, f" in {module_name}"))
    return cls


@cache
def arguments(cls: type) -> type[BaseModel]:
    """A model of the arguments that a file may give to a dataclass. Raises the error for the user where it has none."""
    config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
    try:
        hints = get_type_hints(cls, include_extras=True)
        fields = {f.name: (hints[f.name], _default(f)) for f in dataclasses.fields(cls) if f.init and not _is_given(f)}
        return create_model(cls.__name__, __config__=config, **fields)  # type: ignore[call-overload, no-any-return]
    except (NameError, PydanticUserError, PydanticSchemaGenerationError) as error:
        raise fault(f"the arguments of {cls.__qualname__} cannot be read from a file: {error}") from None


def written_defaults(cls: type) -> dict[str, Any]:
    """What the arguments of a dataclass are where a file does not give them, as a file would have it."""
    assert dataclasses.is_dataclass(cls), cls
    made = {
        f.name: f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
        for f in dataclasses.fields(cls)
        if f.init and not _is_given(f)
    }
    known = {name: value for name, value in made.items() if value is not dataclasses.MISSING}
    dumped = arguments(cls).model_construct(**known).model_dump(mode="json", warnings=False)
    return {name: dumped[name] for name in known}


def _is_given(field: dataclasses.Field[Any]) -> bool:
    return bool(field.metadata.get("given"))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return Field(default_factory=field.default_factory)
    return ... if field.default is dataclasses.MISSING else field.default


TABLES: Mapping[str, Mapping[str, str]] = {
    "arrivals": ARRIVALS,
    "lengths": LENGTHS,
    "steps": STEPS,
    "policies": POLICIES,
    "estimators": ESTIMATORS,
    "encoders": ENCODERS,
}

ArrivalsPart = Annotated[Part, PartOf("arrivals", ("draw",))]
LengthsPart = Annotated[Part, PartOf("lengths", ("draw",))]
StepsPart = Annotated[Part, PartOf("steps", ("pace",))]
PolicyPart = Annotated[Part, PartOf("policies", ("decide", "prepare", "decide_batch"))]
