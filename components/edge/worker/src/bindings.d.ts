// What the rendered bindings give to the Workers; components/edge/scripts.py renders them.

interface Settings {
  verticals: Record<string, { upstream: string; jurisdiction?: DurableObjectJurisdiction }>;
  heartbeatSeconds: number;
  leaseSeconds: number;
  retryAfterSeconds: number;
}

interface Caps {
  plans: Record<string, { cap: number; guaranteed: number }>;
  verticals: Record<string, number>;
}

interface Call {
  id: string;
  tenant: string;
  vertical: string;
}

interface PlaceBindings {
  SETTINGS: Settings;
  TENANT_GATE: DurableObjectNamespace<import("./places.js").TenantGate>;
  POOL: DurableObjectNamespace<import("./places.js").Pool>;
}

interface RouterEnv extends PlaceBindings {
  CALL_SESSION: DurableObjectNamespace<import("./session.js").CallSession>;
  PLANS: {
    get(key: "caps", type: "json"): Promise<Caps | null>;
    get(key: `key:${string}`, type: "json"): Promise<{ tenant: string; plan: string } | null>;
  };
  CALLBACKS: Queue<{ call: string; tenant: string; vertical: string }>;
  SHIELD: RateLimit;
}

interface SessionEnv extends PlaceBindings {
  ACCESS_CLIENT_ID: string;
  ACCESS_CLIENT_SECRET: string;
}
