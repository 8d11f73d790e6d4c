// What the rendered bindings give to the Workers; components/edge/scripts.py renders them.

/** Of both scripts. Figures that change with a plan or with demand are not here but in KV: a changed binding uploads a script. */
interface Settings {
  verticals: Record<string, VerticalSettings>;
  heartbeatSeconds: number;
  leaseSeconds: number;
}

interface VerticalSettings {
  upstream: string;
  jurisdiction?: DurableObjectJurisdiction;
  /** It speaks of people's health: nothing that says who they are is taken from a client. */
  healthData?: true;
}

interface SessionVertical extends VerticalSettings {
  /** A call ends when it is so old: the vertical's pods wait for no longer when they are to go. */
  longestSeconds: number;
  /** Its calls go to a model that speaks the Realtime protocol, not to a service of its own. */
  realtime?: RealtimeSettings;
}

interface RouterSettings extends Settings {
  retryAfterSeconds: number;
  tokens: TokenSettings;
  refusal: {
    /** What a refused caller is told, by language; the first is for whoever understands none of them. */
    texts: [language: string, text: string][];
    /** How long the socket of a refused caller stays open for its answer to the offer of a callback. */
    offerSeconds: number;
    /** Characters of that answer. */
    longestReply: number;
  };
  callbacks: CallbackSettings;
}

interface TokenSettings {
  /** The host that clients call. */
  audience: string;
  /** From issue to end. */
  longestSeconds: number;
  skewSeconds: number;
  longestCharacters: number;
  /** Characters of a call's id, a tenant's name, a key's id. */
  longestId: number;
  /** How old what KV said of keys, plans and places may be, beside what KV itself keeps. */
  rememberSeconds: number;
}

interface CallbackSettings {
  /** Where a vertical's callbacks are queued, behind the tunnel. */
  upstreams: Record<string, string>;
  firstRetrySeconds: number;
  longestRetrySeconds: number;
}

interface PoolSettings extends Settings {
  /** How long the ledger lends a block of places before it wants to hear of it again. */
  loanSeconds: number;
  /** How long the gate remembers what a call that is over reported, so that the same again adds nothing; no report is tried for longer. */
  reportedSeconds: number;
}

/** The KV value `caps`. */
interface Caps {
  plans: Record<string, PlanCaps>;
  /** The places of each vertical. */
  verticals: Record<string, number>;
  /** How they are counted: how many of them are for guarantees, on how many shards, and how many a shard keeps beside those that are held. */
  pools: Record<string, { reserved: number; shards: number; block: number }>;
}

interface PlanCaps {
  cap: number;
  guaranteed: number;
  /** The same by vertical. */
  guarantees: Record<string, number>;
  starts: Starts;
}

/** A token bucket: so many at once, and so many a second after that. */
interface Starts {
  perSecond: number;
  burst: number;
}

/** What a shard is told of its vertical. */
interface VerticalPlaces extends Record<Part, number> {
  block: number;
}

/** Of a vertical's places: set aside for guarantees, or for whoever comes. */
type Part = "reserved" | "shared";

/** The KV value `tenant:<id>`. It holds public keys only. */
interface Tenant {
  plan: string;
  /** The only one that it may call; left out: any. */
  vertical?: string;
  keys: Record<string, import("jose").JWK>;
}

/** Where a call is counted: by the fences it renews and releases its places with. */
interface Held {
  gateFence: number;
  /** The name of the Pool object. */
  shard: string;
  shardFence: number;
  /** When the places were asked for, in milliseconds since 1970: their leases count from no earlier. */
  leasedAt: number;
}

interface Call {
  id: string;
  tenant: string;
  vertical: string;
}

interface CallbackJob {
  call: string;
  tenant: string;
  vertical: string;
  plan: string;
  reference: string;
}

interface PlaceBindings {
  TENANT_GATE: DurableObjectNamespace<import("./gate.js").TenantGate>;
  POOL: DurableObjectNamespace<import("./pool.js").Pool>;
}

interface PoolEnv extends PlaceBindings {
  SETTINGS: PoolSettings;
}

interface RouterEnv extends PlaceBindings {
  SETTINGS: RouterSettings;
  CALL_SESSION: DurableObjectNamespace<import("./session.js").CallSession>;
  PLANS: KVNamespace;
  CALLBACKS: Queue<CallbackJob>;
  SHIELD: RateLimit;
  METRICS_TOKEN: string;
  CALLBACKS_TOKEN: string;
  ACCESS_CLIENT_ID: string;
  ACCESS_CLIENT_SECRET: string;
}

interface SessionEnv extends PlaceBindings {
  SETTINGS: PoolSettings & { verticals: Record<string, SessionVertical>; session: SessionSettings };
  /** Of the provider of `realtime` verticals. */
  REALTIME_KEY?: string;
  ACCESS_CLIENT_ID: string;
  ACCESS_CLIENT_SECRET: string;
}
