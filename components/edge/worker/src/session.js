import { DurableObject } from "cloudflare:workers";
import { callOf } from "./session/call.js";
import { Client, size } from "./session/client.js";
import { BROKEN, GOING_ON_ELSEWHERE, NORMAL, REFUSED, TOO_BIG, TRY_LATER, hungUp } from "./session/codes.js";
import { connected } from "./session/connect.js";
import { Conversation } from "./session/conversation.js";
import { counted, noLatencies } from "./session/latency.js";
import { released, renewed } from "./session/places.js";
import { Realtime } from "./session/realtime.js";
import { addUsage, begin, countsOf, held, save } from "./session/record.js";
import { digestOf, matches, newToken } from "./session/resume.js";
import { Service } from "./session/service.js";
import { Transcript } from "./session/transcript.js";

/**
 * One a call: a bridge between the client and its vertical, for as long as its places are renewed.
 *
 * @typedef {import("./session/record.js").CallState} CallState
 * @extends {DurableObject<SessionEnv>}
 */
export class CallSession extends DurableObject {
  /** @type {CallState | null} */
  #state;
  /** @type {Upstream | null} */
  #upstream = null;
  /** @type {Promise<boolean> | null} */
  #opening = null;
  /** Ends the call with its lease by a clock that nobody sets. @type {ReturnType<typeof setTimeout> | null} */
  #watchdog = null;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #parking = null;
  #heardAt = Date.now();
  #client;

  /**
   * @param {DurableObjectState} ctx
   * @param {SessionEnv} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    this.settings = env.SETTINGS.session;
    this.#client = new Client(this.settings.backlogBytes, () => this.#cut());
    this.#state = held(ctx.storage.sql);
  }

  /**
   * Begin the call, or go on with it. Only the router calls this; the headers are its own.
   *
   * @param {Request} request
   */
  async fetch(request) {
    const token = request.headers.get("headroom-resume");
    return token === null ? this.#begin(request) : this.#resume(request, token);
  }

  /** @param {Request} request */
  async #begin(request) {
    if (this.#state !== null) return new Response("the call is under way", { status: 409 });
    const [call, now] = [callOf(request.headers), Date.now()];
    const token = newToken(this.ctx.id);
    /** @type {CallState} */
    const state = {
      ...call,
      token: "",
      started: now,
      // The lease is as old as the router's question for it, which may have waited.
      until: this.#leaseEnd(Math.min(call.leasedAt, now)),
      renew: now + this.env.SETTINGS.heartbeatSeconds * 1000,
      // Until the client's socket is there.
      cut: now,
      ended: null,
      session: this.#firstConfiguration(call),
      latencies: noLatencies(this.settings.latencyBuckets.length),
    };
    this.#state = state;
    begin(this.ctx.storage.sql, state);
    await this.#wakeLater(state);
    state.token = await digestOf(token);
    // The router gives the places of a call that nobody answers back itself.
    if (!(await this.#open(state, true)) || state.ended !== null) {
      await this.#forget();
      return new Response("the vertical does not answer", { status: 502 });
    }
    const answer = this.#accept(state);
    const { resumeSeconds } = this.settings;
    const { longestSeconds } = this.env.SETTINGS.verticals[call.vertical] ?? {};
    this.#client.greet(() => ({ type: "headroom.started", call: call.id, resume: token, resumeSeconds, longestSeconds }));
    return answer;
  }

  /**
   * @param {Request} request
   * @param {string} token
   */
  async #resume(request, token) {
    const state = this.#state;
    const over = new Response("the call is over", { status: 410 });
    if (state === null || state.ended !== null || Date.now() >= Math.min(state.until, this.#comeBackUntil(state))) return over;
    if (!(await matches(token, state.token))) return new Response("the token is not the call's", { status: 403 });
    if (!(await this.#awake(state)) || state.ended !== null) return over;
    const after = Number(new URL(request.url).searchParams.get("after"));
    const answer = this.#accept(state);
    this.#client.greet((missed) => ({
      type: "headroom.resumed",
      missed,
      position: this.#transcript.position,
      items: this.#transcript.after(Number.isSafeInteger(after) ? after : 0),
    }));
    return answer;
  }

  /**
   * @param {WebSocket} socket
   * @param {string | ArrayBuffer} frame
   */
  #heard(socket, frame) {
    const state = this.#state;
    if (state === null || !this.#client.is(socket)) return;
    this.#heardAt = Date.now();
    if (size(frame) > this.settings.frameBytes) this.#endLater(TOO_BIG, "a frame was too large");
    else if (this.#heardAt >= state.until) this.#endLater(TRY_LATER, "the place of the call was not renewed in time");
    else if (this.#upstream === null) this.ctx.waitUntil(this.#awake(state).then((awake) => awake && this.#passOn(state, frame)));
    else this.#passOn(state, frame);
  }

  /**
   * Nothing is awaited here: it is the way of every frame.
   *
   * @param {CallState} state
   * @param {string | ArrayBuffer} frame
   */
  #passOn(state, frame) {
    try {
      this.#upstream?.fromClient(frame);
    } catch (error) {
      // Such as JSON that is nested until the stack is full.
      console.error(JSON.stringify({ event: "frame not handled", call: state.id, error: String(error) }));
      this.#endLater(REFUSED, "a frame could not be handled");
    }
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  async #hungUp(socket, code, reason) {
    if (!this.#client.is(socket)) return;
    this.#client.close(code, reason);
    if (hungUp(code)) await this.#end(NORMAL, "the client hung up");
    else this.#cut();
  }

  /** Renew the places of the call, or end it: without them, or when its client did not come back. */
  async alarm() {
    const [state, now] = [this.#state, Date.now()];
    if (state === null) return;
    if (state.ended !== null) return this.#report(state);
    // The sockets of a call go with the machine that held them, and nobody says so.
    if (state.cut === null && this.#client.away) this.#cut();
    if (state.cut === null && now >= this.#silentFrom()) {
      this.#client.close(TRY_LATER, "nothing was heard; resume the call");
      this.#cut();
    }
    if (now >= this.#longestUntil(state)) return this.#end(NORMAL, "the call has lasted as long as calls may");
    if (now >= state.until) return this.#end(TRY_LATER, "the place of the call was not renewed in time");
    if (now >= this.#comeBackUntil(state)) return this.#end(NORMAL, "the client did not come back");
    if (now >= state.renew && (await this.#renewed(state)) === "gone") return this.#end(TRY_LATER, "the place of the call is gone");
    await this.#wakeLater(state);
  }

  /**
   * While gate and pool do not answer the places stand, until the lease that they last gave is over.
   *
   * @param {CallState} state
   */
  async #renewed(state) {
    const [asked, { heartbeatSeconds, leaseSeconds }] = [Date.now(), this.env.SETTINGS];
    const answer = await renewed(this.env, state, leaseSeconds, this.#counts(state));
    state.renew = asked + heartbeatSeconds * 1000;
    if (answer === "stand") state.until = this.#leaseEnd(asked);
    if (this.#upstream !== null) this.#watch(state);
    this.#save(state);
    return answer;
  }

  /**
   * The client's side of new sockets, which are the call's from now on.
   *
   * @param {CallState} state
   */
  #accept(state) {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#client.close(GOING_ON_ELSEWHERE, "the call goes on on another socket");
    // Not by the hibernation API, which takes longer over each frame: while a client is here its upstream is, and nobody sleeps.
    server.accept();
    server.binaryType = "arraybuffer";
    server.addEventListener("message", ({ data }) => this.#heard(server, data));
    server.addEventListener("close", ({ code, reason }) => this.ctx.waitUntil(this.#hungUp(server, code, reason)));
    server.addEventListener("error", () => this.ctx.waitUntil(this.#hungUp(server, BROKEN, "")));
    clearTimeout(this.#parking);
    this.#heardAt = Date.now();
    state.cut = null;
    this.#save(state);
    this.#client.attach(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** The client is away. For a while its upstream waits, so that nothing is lost; after that the object may sleep. */
  #cut() {
    const state = this.#state;
    if (state === null || state.ended !== null || state.cut !== null) return;
    state.cut = Date.now();
    this.#save(state);
    this.#parking = setTimeout(() => this.#park(), this.settings.parkSeconds * 1000);
    this.ctx.waitUntil(this.#wakeLater(state));
  }

  /** Let go of the upstream and of every timer, which keep the object in memory. Its alarms go on. */
  #park() {
    this.#upstream?.close();
    this.#upstream = null;
    clearTimeout(this.#watchdog);
  }

  /**
   * Whether the call has an upstream, after one was opened if it had none; without one it is over.
   *
   * @param {CallState} state
   */
  async #awake(state) {
    if (this.#upstream !== null) return true;
    this.#opening ??= this.#open(state, false).finally(() => (this.#opening = null));
    if (await this.#opening) return true;
    await this.#end(TRY_LATER, "the vertical does not answer");
    return false;
  }

  /**
   * Open the upstream; whether it answered.
   *
   * @param {CallState} state
   * @param {boolean} first
   */
  async #open(state, first) {
    const upstream = this.#newUpstream(state);
    if (upstream === null || !(await upstream.open(first))) return false;
    if (state.ended !== null) {
      upstream.close();
      return false;
    }
    this.#upstream = upstream;
    this.#watch(state);
    return true;
  }

  /**
   * @param {CallState} state
   * @returns {Upstream | null}
   */
  #newUpstream(state) {
    const { SETTINGS, ACCESS_CLIENT_ID, ACCESS_CLIENT_SECRET, REALTIME_KEY } = this.env;
    const vertical = SETTINGS.verticals[state.vertical];
    if (vertical === undefined) return null;
    const { openSeconds } = this.settings;
    const host = {
      toClient: (/** @type {string | ArrayBuffer} */ frame) => this.#client.send(frame),
      end: (/** @type {number} */ code, /** @type {string} */ reason) => this.#endLater(code, reason),
    };
    if (vertical.realtime === undefined) {
      const who = { "headroom-call": state.id, "headroom-tenant": state.tenant, "headroom-plan": state.plan };
      const access = { "CF-Access-Client-Id": ACCESS_CLIENT_ID, "CF-Access-Client-Secret": ACCESS_CLIENT_SECRET };
      return new Service(() => connected(vertical.upstream, { ...who, ...access }, openSeconds), this.settings, host);
    }
    const connect = () => connected(vertical.upstream, { Authorization: `Bearer ${REALTIME_KEY}` }, openSeconds);
    return new Realtime(connect, vertical.realtime, this.settings, new Conversation(this.#transcript, state.session, this.settings), {
      ...host,
      usage: (id, tokens) => addUsage(this.ctx.storage.sql, id, tokens),
      latency: (token, sound) => this.#measured(state, token, sound),
      configured: (session) => {
        state.session = session;
        this.#save(state);
      },
    });
  }

  /**
   * @param {CallState} state
   * @param {number | null} token
   * @param {number | null} sound
   */
  #measured(state, token, sound) {
    const { latencyBuckets } = this.settings;
    const { firstToken, firstAudio } = state.latencies;
    state.latencies = { firstToken: counted(firstToken, latencyBuckets, token), firstAudio: counted(firstAudio, latencyBuckets, sound) };
    this.#save(state);
  }

  /**
   * Close both sides, say what came of the call, and give its places back; again it does nothing.
   *
   * @param {number} code
   * @param {string} reason
   */
  async #end(code, reason) {
    const state = this.#state;
    if (state === null || state.ended !== null) return;
    state.ended = Date.now();
    this.#save(state);
    this.#park();
    clearTimeout(this.#parking);
    this.#client.send(JSON.stringify({ type: "headroom.ended", reason, counts: this.#counts(state) }));
    this.#client.close(code, reason);
    await this.#report(state);
  }

  /**
   * End the call from where nobody can wait for that.
   *
   * @param {number} code
   * @param {string} reason
   */
  #endLater(code, reason) {
    this.ctx.waitUntil(this.#end(code, reason));
  }

  /**
   * Tell gate and pool that the call is over, until they know, or its places are free long since and the gate has forgotten what the call
   * reported before: all of it would count again.
   *
   * @param {CallState} state
   */
  async #report(state) {
    const counts = this.#counts(state);
    try {
      await released(this.env, state, counts);
    } catch (error) {
      const { heartbeatSeconds, reportedSeconds } = this.env.SETTINGS;
      const [next, call] = [Date.now() + heartbeatSeconds * 1000, { tenant: state.tenant, call: state.id }];
      console.error(JSON.stringify({ event: "release failed", ...call, error: String(error) }));
      if (next < this.#lastAsked(state) + reportedSeconds * 1000) return this.ctx.storage.setAlarm(next);
      console.error(JSON.stringify({ event: "report lost", ...call, counts }));
    }
    await this.#forget();
  }

  async #forget() {
    this.#state = null;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  /**
   * End the call with its lease even if no alarm comes and the clock is set back.
   *
   * @param {CallState} state
   */
  #watch({ until }) {
    clearTimeout(this.#watchdog);
    const end = () => this.#endLater(TRY_LATER, "the place of the call was not renewed in time");
    this.#watchdog = setTimeout(end, until - Date.now());
  }

  /** @param {CallState} state */
  async #wakeLater(state) {
    const away = state.cut === null ? this.#silentFrom() : this.#comeBackUntil(state);
    await this.ctx.storage.setAlarm(Math.min(state.renew, state.until, away, this.#longestUntil(state)));
  }

  #silentFrom() {
    return this.#heardAt + this.settings.silenceSeconds * 1000;
  }

  /** @param {CallState} state */
  #comeBackUntil({ cut }) {
    return cut === null ? Infinity : cut + this.settings.resumeSeconds * 1000;
  }

  /** @param {CallState} state */
  #longestUntil({ started, vertical }) {
    return started + (this.env.SETTINGS.verticals[vertical]?.longestSeconds ?? Infinity) * 1000;
  }

  /**
   * When the call ends at the latest if its places were asked for at `asked`: before they could be given to another.
   *
   * @param {number} asked
   */
  #leaseEnd(asked) {
    return asked + (this.env.SETTINGS.leaseSeconds - this.settings.marginSeconds) * 1000;
  }

  /**
   * When its places were last asked for and given.
   *
   * @param {CallState} state
   */
  #lastAsked({ until }) {
    return until - this.#leaseEnd(0);
  }

  /** @param {SessionCall} call */
  #firstConfiguration({ vertical }) {
    const model = this.env.SETTINGS.verticals[vertical]?.realtime?.transcription;
    return model === undefined ? {} : { type: "realtime", audio: { input: { transcription: { model } } } };
  }

  /** @param {CallState} state */
  #counts(state) {
    return countsOf(this.ctx.storage.sql, state, this.settings.latencyBuckets, Date.now());
  }

  /** @param {CallState} state */
  #save(state) {
    save(this.ctx.storage.sql, state);
  }

  get #transcript() {
    return new Transcript(this.ctx.storage.sql, this.settings.transcriptBytes);
  }
}
