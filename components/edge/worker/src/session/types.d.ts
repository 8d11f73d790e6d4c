// What the spec says of sessions, as SETTINGS has it; capacity/session_edge.py states the figures.

interface SessionSettings {
  /** Audio of so many milliseconds goes upstream as one message; 0: every frame by itself. */
  batchMilliseconds: number;
  /** How long a client that was cut may come back. */
  resumeSeconds: number;
  /** How long the upstream of a cut call is kept open; after that the object may sleep, and a resumed call is replayed. */
  parkSeconds: number;
  /** A client of whom nothing comes for so long is taken to be cut: its network may be gone without a word. */
  silenceSeconds: number;
  /** How long opening an upstream may take, and how long a lost one may take to be replaced. */
  openSeconds: number;
  /** The pause between two tries to replace a lost upstream. */
  retrySeconds: number;
  /** A call ends so long before its places could be given to another. */
  marginSeconds: number;
  /** The largest frame, either way. */
  frameBytes: number;
  /** What may wait for a client that reads slowly or is away, or for an upstream. */
  backlogBytes: number;
  /** What is kept of a conversation. */
  transcriptBytes: number;
  /** What is kept of a caller's words until they are written down. */
  audioBytes: number;
  /** Audio kept while nobody speaks: what a new upstream hears of the instant before its opening. */
  quietSeconds: number;
  /** The upper bounds, in milliseconds, by which latencies are counted. */
  latencyBuckets: number[];
}

/** A vertical whose calls go to a model that speaks the Realtime protocol; the others have a service of their own. */
interface RealtimeSettings {
  /** A new upstream is opened when this one is so old. */
  reopenSeconds: number;
  /** The model that writes down what callers say; without it a new upstream knows only their last words. */
  transcription?: string;
}

/** A call, as the router told it: whose it is, and by which fences it renews and releases its places. */
interface SessionCall extends Call, Held {
  /** Told to a service, which counts its use by it (docs/contract.md). */
  plan: string;
}

interface Histogram {
  /** By bucket of SETTINGS.session.latencyBuckets; the last is what exceeds them all. */
  counts: number[];
  sum: number;
}

interface Tokens {
  input: number;
  cached: number;
  output: number;
}

/** What an upstream needs of its session. */
interface SessionHost {
  toClient(data: string | ArrayBuffer): void;
  end(code: number, reason: string): void;
}

/** The far side of a call. */
interface Upstream {
  /** Whether it answered; `first` is that of the call's beginning. */
  open(first: boolean): Promise<boolean>;
  fromClient(message: string | ArrayBuffer): void;
  close(): void;
}

/** An event of the Realtime protocol: an object with a type; nothing else is known of it. */
interface RealtimeEvent {
  type: string;
  [field: string]: unknown;
}

/** A part of a conversation, as it is told to a new upstream. */
interface Item {
  id: string;
  type: string;
  [field: string]: unknown;
}
