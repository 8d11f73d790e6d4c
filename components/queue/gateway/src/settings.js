// What the gateway and its workers are told: figures of the stack by the environment, and secrets as files.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} QueueSettings
 * @property {string} queue
 * @property {{host: string, port: number, tls?: object}} connection
 * @property {import("bullmq").DefaultJobOptions} defaultJobOptions
 *
 * @typedef {object} GatewayFigures
 * @property {number} depthCap Jobs in the queue beyond which the next is refused.
 * @property {string[]} verticals Whose callbacks it takes.
 * @property {boolean} opaque Whether a reference must be one that names nobody: the queue's health data lies elsewhere.
 * @property {Record<string, number>} priorities By plan, 1 first. Plans are runtime data: one that is not here comes last.
 * @property {number} bodyBytes
 * @property {number} retryAfterSeconds
 * @property {number} answerMilliseconds How long Redis may take for one command.
 * @property {number} port
 * @property {number} probesPort
 * @property {number} settleMilliseconds How long it still takes callbacks after it was asked to drain.
 * @property {string} address
 *
 * @typedef {QueueSettings & GatewayFigures} GatewaySettings
 *
 * @typedef {object} Login
 * @property {string} username
 * @property {string} password
 */

/**
 * Returns a variable that must be there.
 *
 * @param {string} name
 */
export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the stack sets it (docs/queue.md)`);
  return value;
}

/**
 * Returns a key of a Secret.
 *
 * @param {string} folder Of all Secrets; each is a folder in it.
 * @param {string} name
 * @param {string} key
 */
export function secret(folder, name, key) {
  const value = readFileSync(join(folder, name, key), "utf8").trim();
  if (value === "") throw new Error(`the Secret ${name} has nothing in ${key} (docs/queue.md)`);
  return value;
}

/**
 * Returns who speaks with Redis, and whose certificates are trusted.
 *
 * @param {string} folder Of all Secrets.
 * @returns {Login & {tls?: {ca: string}}}
 */
export function producer(folder) {
  const ca = existsSync(join(folder, "queue-ca")) ? { tls: { ca: secret(folder, "queue-ca", "ca.crt") } } : {};
  return { username: "producer", password: secret(folder, "queue-producer", "password"), ...ca };
}
