/** What the edge counts, as Prometheus reads it. */

/**
 * What the gates count, by the name before the colon; what is behind it is the value of `label`.
 *
 * @type {Record<string, { name: string, type: "counter" | "histogram", help: string, label?: string }>}
 */
const FAMILIES = {
  admitted: { name: "admitted_total", type: "counter", help: "Calls that their plan had a place for." },
  refused: { name: "refused_total", type: "counter", help: "Calls that were turned away, by what had no place for them.", label: "reason" },
  queued: { name: "callbacks_queued_total", type: "counter", help: "Callbacks that refused callers asked for." },
  callbacks_refused: { name: "callbacks_refused_total", type: "counter", help: "Callbacks that their queue will never take." },
  seconds: { name: "call_seconds_total", type: "counter", help: "Seconds of calls." },
  turns: { name: "turns_total", type: "counter", help: "Turns of calls that were answered." },
  tokens: { name: "tokens_total", type: "counter", help: "Tokens that the model counted, by kind.", label: "kind" },
  first_token: { name: "first_token_seconds", type: "histogram", help: "From the end of a caller's words to the first token." },
  first_audio: { name: "first_audio_seconds", type: "histogram", help: "From the end of a caller's words to the first sound." },
};
const PREFIX = "headroom_edge_";

/**
 * @typedef {{ tenant: string, active: number, counts: Record<string, number> }} TenantStatus
 * @typedef {{ vertical: string, part: string, lent: number, used: number }} PartStatus
 */

/**
 * The exposition of some tenants and verticals. Names that no family has are left out.
 *
 * @param {TenantStatus[]} tenants
 * @param {PartStatus[]} parts
 * @param {Record<string, string>[]} silent the labels of those that did not answer
 */
export function exposition(tenants, parts, silent) {
  return [
    ...family("active_calls", "gauge", "Calls that hold a place of their plan.", tenants.map(({ tenant, active }) => sample("", { tenant }, active))),
    ...Object.entries(FAMILIES).flatMap(([key, known]) => {
      const samples = tenants.flatMap((status) => (known.type === "histogram" ? buckets(key, status) : counted(key, known.label, status)));
      return family(known.name, known.type, known.help, samples);
    }),
    ...family("places_lent", "gauge", "Places of a vertical that its shards have.", parts.map(({ vertical, part, lent }) => sample("", { vertical, part }, lent))),
    ...family("places_used", "gauge", "Of these, places that calls held when the shard said so last.", parts.map(({ vertical, part, used }) => sample("", { vertical, part }, used))),
    ...family("unanswered", "gauge", "A tenant's gate, or a vertical's ledger, that did not answer: nothing else is said of it.", silent.map((labels) => sample("", labels, 1))),
    "",
  ].join("\n");
}

/**
 * @param {string} name
 * @param {string} type
 * @param {string} help
 * @param {string[]} samples what comes after the family's name
 */
function family(name, type, help, samples) {
  if (samples.length === 0) return [];
  return [`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} ${type}`, ...samples.map((text) => `${PREFIX}${name}${text}`)];
}

/**
 * @param {string} suffix
 * @param {Record<string, string>} labels
 * @param {number} value
 */
function sample(suffix, labels, value) {
  const texts = Object.entries(labels).map(([name, text]) => `${name}="${text.replace(/["\\\n]/g, (sign) => (sign === "\n" ? "\\n" : `\\${sign}`))}"`);
  return `${suffix}{${texts.join(",")}} ${value}`;
}

/**
 * @param {string} key
 * @param {string | undefined} label
 * @param {TenantStatus} status
 */
function counted(key, label, { tenant, counts }) {
  return Object.entries(counts).flatMap(([name, value]) => {
    const [start, text] = split(name);
    if (start !== key) return [];
    return [sample("", { tenant, ...(label === undefined ? {} : { [label]: text }) }, value)];
  });
}

/**
 * A histogram of the counters `<key>_bucket:<bound>`, each with those below it, `<key>_sum` and `<key>_count`.
 *
 * @param {string} key
 * @param {TenantStatus} status
 */
function buckets(key, { tenant, counts }) {
  const bounds = Object.entries(counts).flatMap(([name, value]) => {
    const [start, bound] = split(name);
    return start === `${key}_bucket` ? [{ bound, value }] : [];
  });
  if (bounds.length === 0) return [];
  bounds.sort((one, other) => size(one.bound) - size(other.bound));
  return [
    ...bounds.map(({ bound, value }) => sample("_bucket", { tenant, le: bound }, value)),
    sample("_sum", { tenant }, counts[`${key}_sum`] ?? 0),
    sample("_count", { tenant }, counts[`${key}_count`] ?? 0),
  ];
}

/** @param {string} bound */
function size(bound) {
  return bound === "+Inf" ? Infinity : Number(bound);
}

/**
 * @param {string} name
 * @returns {[string, string]}
 */
function split(name) {
  const colon = name.indexOf(":");
  return colon === -1 ? [name, ""] : [name.slice(0, colon), name.slice(colon + 1)];
}
