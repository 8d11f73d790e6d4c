// What a callback is: five known fields, by reference, and the job that it becomes.

/**
 * @typedef {object} Callback
 * @property {string} call
 * @property {string} tenant
 * @property {string} vertical
 * @property {string} plan
 * @property {string} reference Where its number is kept.
 */

const ID = { type: "string", pattern: "^[A-Za-z0-9._~-]{1,128}$" };
/** Without white space and control characters. */
const PRINTABLE = { type: "string", pattern: "^[\\x21-\\x7e]{1,256}$" };
/** One that names nobody: long, with a letter, and none of the signs of a number or an address. */
const OPAQUE = { type: "string", pattern: "^(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{16,128}$" };

/**
 * Returns the JSON schema of a callback. A field that is not in it is refused: what is not said cannot leak.
 *
 * @param {{verticals: string[], opaque: boolean}} taken
 */
export function callbackSchema({ verticals, opaque }) {
  return {
    type: "object",
    additionalProperties: false,
    required: ["call", "tenant", "vertical", "plan", "reference"],
    properties: {
      call: ID,
      tenant: ID,
      vertical: { type: "string", enum: verticals },
      plan: ID,
      reference: opaque ? OPAQUE : PRINTABLE,
    },
  };
}

/**
 * Returns the id of a callback's job: of its tenant, or one tenant's call would hide another's. The slash is in neither.
 *
 * @param {{tenant: string, call: string}} callback
 */
export function jobId({ tenant, call }) {
  return `${tenant}/${call}`;
}

/**
 * Returns the priority of a plan's callbacks. BullMQ takes the lowest number first.
 *
 * @param {string} plan
 * @param {Record<string, number>} priorities
 */
export function priority(plan, priorities) {
  return Object.hasOwn(priorities, plan) ? /** @type {number} */ (priorities[plan]) : last(priorities);
}

/**
 * Returns the priority of a plan that nobody has named.
 *
 * @param {Record<string, number>} priorities
 */
export function last(priorities) {
  return 1 + Math.max(0, ...Object.values(priorities));
}
