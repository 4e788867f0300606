"""The shape of a scenario file. Names are checked against the library of profiles; each key says its unit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from simulator.spec.base import Count, NonNegative, Positive, Share, Spec
from simulator.spec.metric_names import WITH_PERCENTILES
from simulator.spec.parts import ArrivalsPart, LengthsPart, PolicyPart, StepsPart
from simulator.spec.refs import (
    DeviceRef,
    HostedRef,
    HostRef,
    LinkRef,
    MetricName,
    Name,
    PlaceName,
    PoolModel,
    PoolName,
    QualityRef,
    RegionRef,
    TaskShares,
)
from simulator.spec.sweep import SweepSpec

Dispatch = Literal["least-tokens", "shared", "round-robin", "random", "least-calls", "power-of-two", "own"]


class RunSpec(Spec):
    """How much is simulated, and how often."""

    queries: Count | None = None
    """Queries of one replication, over all classes; the run then drains."""
    duration_s: Positive | None = None
    """Or: seconds of arrivals; what is unfinished then is counted as unfinished."""
    warmup_s: NonNegative | None = None
    """Seconds left out of the metrics; found by MSER-5 where it is not given."""
    replications: Count = 5
    """Independent repetitions, each with its own chance; intervals are over these."""

    @model_validator(mode="after")
    def _one_end(self) -> RunSpec:
        if (self.queries is None) == (self.duration_s is None):
            raise ValueError("give one of 'queries' and 'duration_s'")
        return self


class ItemsSpec(Spec):
    """Which items of which quality table a class asks."""

    table: QualityRef
    """A quality profile's name, or a file beside the scenario that describes one."""
    split: Literal["train", "test", "all"] = "test"
    """Which of the table's items are asked; `test` are those that nothing was learned from."""
    draw: Literal["each-once", "with-replacement"] = "each-once"
    """each-once: permutations, so that means are the table's; with-replacement: uniform."""
    tasks: TaskShares | None = None
    """Shares of the table's tasks; uniform over items where it is not given."""
    output_tok: Literal["table", "workload"] = "table"
    """Whose output lengths: as measured for that model and item, or the class's own."""
    missing: Literal["error", "drop-item"] = "error"
    """What to do with items that lack an outcome of a model of the fleet."""
    models: dict[str, str] = Field(default_factory=dict)
    """Names of the table's columns by model of the fleet, where they differ."""
    confidence: str = "confidence"
    """Which of the table's signals policies see as the score of an answer."""


class SloSpec(Spec):
    """A limit that a metric must hold."""

    metric: MetricName
    """What is limited."""
    percentile: Annotated[float, Field(gt=0, lt=100)] | None = None
    """Of a metric with one value a query (ttft_s, tpot_s, e2e_s, queue_s); the mean where it is not given."""
    max: float | None = None
    """The most that it may be."""
    min: float | None = None
    """The least that it may be."""
    gate: bool = False
    """A missed gate makes the command exit with 3."""

    @model_validator(mode="after")
    def _a_limit(self) -> SloSpec:
        if self.max is None and self.min is None:
            raise ValueError("give 'max' or 'min'")
        if self.percentile is not None and self.metric not in WITH_PERCENTILES:
            raise ValueError(f"only {', '.join(WITH_PERCENTILES)} have percentiles, not {self.metric}")
        return self


class ClassSpec(Spec):
    """A part of the workload with its own arrivals, lengths, tasks, patience and limits."""

    origin: PlaceName = "here"
    """The place where the class's users are."""
    arrivals: ArrivalsPart
    """When queries come."""
    lengths: LengthsPart | None = None
    """Not needed where the arrivals bring lengths (traces, built-in workloads)."""
    items: ItemsSpec | None = None
    """Without items there is no accuracy and no confidence."""
    priority: int = 0
    """Higher goes first."""
    deadline_s: Positive | None = None
    """Told to policies; judged by SLOs on e2e_s."""
    timeout_s: Positive | None = None
    """A query not answered by then is dropped."""
    call_timeout_s: Positive | None = None
    """A call not answered by then fails, and the policy is asked again."""
    abandon_s: Positive | None = None
    """A user who has seen no token by then leaves."""
    slo: tuple[SloSpec, ...] = ()
    """Limits on metrics of this class alone."""
    show: Literal["after-accept", "at-once"] = "after-accept"
    """When tokens are shown: after the policy has accepted the answer, or as they come."""
    bytes_per_tok: Positive = 4.0
    """Size of text on links."""
    payload_bytes: NonNegative = 0.0
    """Sent with each prompt beside its text (an image, say)."""
    cached_prompt_frac: Share = 0.0
    """Share of the prompt's tokens that hosted APIs bill as cached (a long system prompt, say)."""
    sensitivity: str | None = None
    """A label that rules of policies can ask for: private, say."""
    modality: str = "text"
    """A label that rules of policies can ask for: image, say."""
    prefix: str | None = None
    """A name for what the class's prompts begin with, the same for all of them: a system prompt, say."""
    next_prompt: Literal["answer", "trace"] = "answer"
    """Of sessions: the next prompt grows by the answer really given, or is as the trace says."""


class ChangeSpec(Spec):
    """A factor from some time on, until the next change."""

    from_s: NonNegative
    """When it begins, in the run's time."""
    factor: Positive
    """What the value is multiplied by from then on."""


class MeasuredEnergySpec(Spec):
    """Joules of a whole replica, all its devices together, for each token that it works on."""

    prefill_j_per_tok: NonNegative
    """Of prompt tokens."""
    decode_j_per_tok: NonNegative
    """Of generated tokens."""
    scope: Literal["gpu", "rail", "host", "wall"]
    """What the meter saw: the devices (gpu, rail), or the machine around them too (host, wall)."""


class PoolSpec(Spec):
    """Replicas of one model on one kind of device; or a hosted API."""

    hosted: HostedRef | None = None
    """A hosted API, which has infinite servers; or give a `device`, or a `host`."""
    model: PoolModel | None = None
    """What it runs. Of a hosted API: what quality tables call it, where that is not what the profile says."""
    device: DeviceRef | None = None
    """Makes a host of its own for each replica."""
    host: HostRef | None = None
    """Or: the name of hosts declared under `hosts`, shared with other pools."""
    engine: str | None = None
    """The inference engine on it (vllm, llama.cpp, ...); the device's own where it is not given."""
    place: PlaceName = "here"
    """Where it stands."""
    tier: str | None = None
    """A label: device, edge, cloud."""
    replicas: Count = 1
    """Engine instances, each with a copy of the model."""
    tensor_parallel: Count = 1
    """Devices over which each layer is split."""
    pipeline_parallel: Count = 1
    """Stages over which the layers are split, of `tensor_parallel` devices each."""
    expert_parallel: Count = 1
    """1, or `tensor_parallel`: each expert whole on one of those devices, where it is not split over all of them."""
    weights: str | None = None
    """Quantisation of the weights (bf16, fp8, q4_k_m, ...); the model's own where it is not given."""
    steps: StepsPart | None = None
    """Step model; the roofline of the model on the device where it is not given."""
    dispatch: Dispatch = "least-tokens"
    """Which replica a call goes to; `shared`: one queue for all, `own`: user i has replica i."""
    batching: Literal["continuous", "static"] = "continuous"
    """Calls join a batch that runs, or only when it has ended."""
    max_seqs: Count = 64
    """Sequences that a replica works on at once."""
    max_batched_tok: Count = 2048
    """Tokens of one pass: decodes first, then prompt chunks."""
    block_tok: Count = 16
    """KV cache block size."""
    kv_tok: Count | None = None
    """KV cache capacity of a replica; derived from the memory where it is not given."""
    max_queue: Annotated[int, Field(ge=0)] | None = None
    """Calls that may wait at a replica; more are refused."""
    slowdown: tuple[ChangeSpec, ...] = ()
    """Factors on the time of a pass: a noisy neighbour, a hot room."""
    unload_after_s: Positive | None = None
    """A replica idle for so long unloads its model, and the next call waits until it is loaded; never, if not given."""
    cold: bool = False
    """Replicas begin without their model in memory."""
    measured_energy: MeasuredEnergySpec | None = None
    """Joules as metered while a replica works, instead of the device's power curve."""
    usd_per_h: NonNegative | None = None
    """Price of one device an hour; the device's where it is not given."""
    latency: Literal["recorded", "profile"] = "profile"
    """Of hosted pools: the quality table's recorded latency, or the profile's TTFT and token rate."""
    price: Literal["recorded", "profile"] = "profile"
    """Of hosted pools: the quality table's recorded price, or the profile's price per token."""
    energy: Literal["recorded", "profile"] = "profile"
    """Of hosted pools: the quality table's recorded joules, or the profile's joules per token."""
    requests_per_min: Positive | None = None
    """Of hosted pools: the account's rate limit; overrides the profile's. Calls over it are tried again later."""
    tokens_per_min: Positive | None = None
    """The same of prompt and output tokens together."""
    max_retries: Annotated[int, Field(ge=0, le=50)] = 2
    """Of hosted pools: how often a call over the limit is tried again before it fails."""
    retry_after_s: NonNegative = 0.5
    """Of hosted pools: how long the first retry waits; each further one waits twice as long."""

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tensor_parallel * self.pipeline_parallel

    @model_validator(mode="after")
    def _experts_are_where_layers_are(self) -> PoolSpec:
        if self.expert_parallel not in (1, self.tensor_parallel):
            is_wrong = f"must be 1 or as 'tensor_parallel', {self.tensor_parallel}, not {self.expert_parallel}"
            raise ValueError(f"'expert_parallel' {is_wrong}")
        return self

    @model_validator(mode="after")
    def _one_home(self) -> PoolSpec:
        homes = [key for key in ("device", "host", "hosted") if getattr(self, key) is not None]
        if len(homes) != 1:
            raise ValueError("give exactly one of 'device', 'host' and 'hosted'")
        if self.model is None and self.hosted is None:
            raise ValueError("give the 'model'")
        for key in ("requests_per_min", "tokens_per_min"):
            if self.hosted is None and getattr(self, key) is not None:
                raise ValueError(f"{key!r} is of hosted pools")
        if self.hosted is not None and (self.cold or self.unload_after_s or self.measured_energy):
            raise ValueError("'unload_after_s', 'cold' and 'measured_energy' are of own replicas, not of a hosted API")
        return self


class HostSpec(Spec):
    """A physical machine that several pools (or stations) share: its memory, and its idle watts, counted once."""

    device: DeviceRef
    """What it computes on."""
    place: PlaceName = "here"
    """Where it stands."""
    count: Count = 1
    """How many such machines."""
    devices: Count = 1
    """Devices in one such machine."""


class LinkSpec(Spec):
    """What joins two places."""

    between: tuple[PlaceName, PlaceName]
    """The two places; `up` is from the first to the second."""
    profile: LinkRef | None = None
    """What kind of link it is."""
    rtt_ms: NonNegative | None = None
    """Overrides the profile's, as do the next ten."""
    rtt_sigma: NonNegative | None = None
    """Of the natural logarithm: the round trip of a call is lognormal."""
    up_mbit_per_s: Positive | None = None
    """From the first place to the second."""
    up_sigma: NonNegative | None = None
    """Of the natural logarithm: the rate that a transfer finds is lognormal."""
    down_mbit_per_s: Positive | None = None
    """From the second place to the first."""
    down_sigma: NonNegative | None = None
    """As `up_sigma`, of the way down."""
    outage_frac: Share | None = None
    """Share of transfers that meet an outage."""
    outage_mean_s: NonNegative | None = None
    """Mean time that an outage lasts for them."""
    promotion_s: NonNegative | None = None
    """What it takes to wake the radio after silence."""
    radio_idle_s: NonNegative | None = None
    """Silence after which the radio sleeps."""
    tail_s: NonNegative | None = None
    """How long the radio stays awake after a transfer."""
    tail_w: NonNegative | None = None
    """Watts of the radio while it is awake, above its sleep."""
    sharing: Literal["shared", "per_user"] = "shared"
    """One pipe for all, or one for each user (each query, in open loops)."""
    radios: Literal["one", "per_user"] | None = None
    """Whose radios wake and sleep: one of all, or each user's; as `sharing` says where it is not given."""
    bandwidth: tuple[ChangeSpec, ...] = ()
    """Factors on the bandwidth, both ways."""

    @model_validator(mode="after")
    def _whole(self) -> LinkSpec:
        if self.profile is None and None in (self.rtt_ms, self.up_mbit_per_s, self.down_mbit_per_s):
            raise ValueError("give 'profile', or all of 'rtt_ms', 'up_mbit_per_s' and 'down_mbit_per_s'")
        if self.between[0] == self.between[1]:
            raise ValueError(f"a link joins two different places, not {self.between[0]!r} with itself")
        return self


class StationSpec(Spec):
    """A router or a verifier: servers with a fixed service time and power, at a place."""

    time_s: NonNegative
    """Seconds of one decision or verification."""
    servers: Count = 1
    """How many decisions or verifications at once."""
    active_w: NonNegative = 0.0
    """Watts above idle while a server works."""
    host: HostRef | None = None
    """The host it lives on (its place, its idle watts); at the query's origin where it is not given."""


class RouterSpec(StationSpec):
    """The station that every query passes before the policy's first decision."""

    source: str = ""
    """Where its figures are from."""


class FeedbackSpec(Spec):
    """What a policy that learns hears of its answers, and when."""

    frac: Share = 1.0
    """Share of the finished queries of which anything comes back."""
    delay_s: NonNegative = 0.0
    """Seconds after the answer."""
    noise: Share = 0.0
    """Share of what comes back that says the opposite: 1 - score."""


class JudgeSpec(Spec):
    """A verifier that is a model of the fleet: each verification is a call at its pool, and queues there."""

    pool: PoolName
    """It reads the query's prompt, the answer and an instruction, and writes a verdict."""
    prompt_tok: Annotated[int, Field(ge=0)] = 0
    """Tokens of the instruction, beside the prompt and the answer."""
    output_tok: Count = 1
    """Tokens of the verdict."""
    right: Share | None = None
    """Share of right answers that it accepts: its score is then 1 or 0. Without it, the answer's own confidence."""
    wrong: Share | None = None
    """Share of wrong answers that it accepts."""

    @model_validator(mode="before")
    @classmethod
    def _no_station(cls, data: Any) -> Any:
        if isinstance(data, dict) and (both := [key for key in data if key in StationSpec.model_fields]):
            raise ValueError(f"give 'pool' or {both[0]!r}, not both: a verifier is a call or a station")
        return data

    @model_validator(mode="after")
    def _both_shares(self) -> JudgeSpec:
        if (self.right is None) != (self.wrong is None):
            raise ValueError("give both 'right' and 'wrong', or neither")
        return self


def _form(verifier: Any) -> str:
    has_pool = "pool" in verifier if isinstance(verifier, dict) else isinstance(verifier, JudgeSpec)
    return "(a call)" if has_pool else "(a station)"


VerifierSpec = Annotated[
    Annotated[StationSpec, Tag("(a station)")] | Annotated[JudgeSpec, Tag("(a call)")], Discriminator(_form)
]


class TelemetrySpec(Spec):
    """How fresh is what routers see of pools."""

    refresh_s: NonNegative = 0.0
    """Seconds between reports; 0: always true now."""
    delay_s: NonNegative = 0.0
    """Age of a report when it arrives."""


class GridSpec(Spec):
    """The electricity and the building of a place."""

    region: RegionRef | None = None
    """Whose carbon intensity and PUE hold at the place."""
    carbon_g_per_kwh: NonNegative | None = None
    """Overrides the region's."""
    carbon: tuple[ChangeSpec, ...] = ()
    """Factors on the carbon intensity: day and night."""
    pue: Annotated[float, Field(ge=1)] | None = None
    """Overrides the region's; 1 where neither gives one."""


class ScenarioSpec(Spec):
    """A question about a fleet, whole."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
    """What the scenario is called; the result folder begins with it."""
    extends: str | None = None
    """Another scenario file whose maps this one's are merged into; `~` removes a key."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of all chance: equal seeds give equal worlds."""
    run: RunSpec
    """How much is simulated."""
    workload: Annotated[dict[Name, ClassSpec], Field(min_length=1)]
    """Classes of queries by name, superposed."""
    fleet: Annotated[dict[Name, PoolSpec], Field(min_length=1)]
    """Pools by name: who can be asked."""
    hosts: dict[Name, HostSpec] = Field(default_factory=dict)
    """Machines by name that several pools share."""
    links: dict[Name, LinkSpec] = Field(default_factory=dict)
    """Links between places by name; a pool at another place than the user needs one."""
    policy: PolicyPart
    """What decides which pool is asked, and whether its answer is good enough."""
    router: RouterSpec | None = None
    """What the policy's technique takes as published where it is not given, if that is known; `time_s: 0`: nothing."""
    feedback: FeedbackSpec = FeedbackSpec()
    """What policies that learn hear of their answers."""
    verifiers: dict[Name, VerifierSpec] = Field(default_factory=dict)
    """What `verify` calls may name: stations, or models of the fleet."""
    telemetry: TelemetrySpec = TelemetrySpec()
    """How fresh is what policies see of pools."""
    grid: dict[PlaceName, GridSpec] = Field(default_factory=dict)
    """Electricity and buildings, by place."""
    slo: tuple[SloSpec, ...] = ()
    """Limits on metrics of all classes together."""
    sweep: SweepSpec | None = None
    """What `multillm sweep` varies; a run takes the values above."""
