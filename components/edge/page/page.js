// Places calls as a browser does, and shows what the edge counts.

const SAY_MS = 500;
const LOOK_MS = 500;
const SHOWN_OVER = 40;
const FRAME = new Uint8Array(640);

/** @typedef {{ id: string, state: "asking" | "in" | "refused" | "queued" | "over", detail: string, socket: WebSocket | null, heard: number }} PlacedCall */
/** @type {PlacedCall[]} */
const calls = [];
const form = /** @type {HTMLFormElement} */ (element("place"));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { tenant, vertical, count, callback } = Object.fromEntries(new FormData(form));
  const placed = Array.from({ length: Number(count) }, () => place(String(tenant), String(vertical), callback === "on"));
  tell("");
  await Promise.all(placed).catch((problem) => tell(String(problem)));
});
element("hang-up").addEventListener("click", () => {
  for (const { socket } of calls) socket?.close(1000);
});
setInterval(() => {
  for (const { state, socket } of calls) if (state === "in" && socket?.readyState === WebSocket.OPEN) socket.send(FRAME);
}, SAY_MS);
void look();

/**
 * @param {string} tenant
 * @param {string} vertical
 * @param {boolean} callback whether to take the offer of one
 */
async function place(tenant, vertical, callback) {
  const answer = await fetch("/token", { method: "POST", body: JSON.stringify({ tenant }) });
  if (!answer.ok) throw new Error(await answer.text());
  const { call, token, calls: at } = await answer.json();
  const socket = new WebSocket(`${at}${vertical}`, ["headroom", `token.${token}`]);
  socket.binaryType = "arraybuffer";
  /** @type {PlacedCall} */
  const placed = { id: call, state: "asking", detail: "", socket, heard: 0 };
  calls.push(placed);
  socket.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") {
      placed.heard += 1;
      return;
    }
    const said = JSON.parse(data);
    if (said.type === "refused") {
      Object.assign(placed, { state: "refused", detail: said.reason });
      if (callback && said.callback) socket.send(JSON.stringify({ type: "callback", to: `contact-${call.slice(0, 8)}` }));
      else socket.close(1000);
    } else if (said.type === "queued") {
      Object.assign(placed, { state: "queued" });
    } else if (placed.state === "asking") {
      Object.assign(placed, { state: "in" });
    }
    show();
  });
  socket.addEventListener("close", ({ code, reason }) => {
    if (placed.state === "asking") Object.assign(placed, { state: "refused", detail: reason || `closed with ${code}` });
    else if (placed.state === "in") Object.assign(placed, { state: "over", detail: reason || String(code) });
    placed.socket = null;
    show();
  });
  show();
}

/** Ask for the edge's figures again and again. */
async function look() {
  try {
    const state = await (await fetch("/state")).json();
    fill("tenant", state.tenants.map((/** @type {{ id: string, plan: string }} */ { id, plan }) => [id, `${id} (${plan})`]));
    fill("vertical", state.verticals.map((/** @type {string} */ name) => [name, name]));
    showTenants(state.tenants);
    element("depth").textContent = String(state.queue.length);
    element("queue").replaceChildren(
      ...state.queue.slice(-20).map((/** @type {Record<string, string>} */ job) => made("li", `${job.tenant}, ${job.vertical}, ${job.plan}: ${job.reference}`)),
    );
    show();
  } catch (problem) {
    tell(`the edge does not answer: ${problem}`);
  }
  setTimeout(look, LOOK_MS);
}

/** @param {{ id: string, plan: string, cap: number, counts: Record<string, number> }[]} tenants */
function showTenants(tenants) {
  const columns = [...new Set(tenants.flatMap(({ counts }) => Object.keys(counts)))].sort();
  const row = (/** @type {string} */ kind, /** @type {(string | number)[]} */ cells) => {
    const line = made("tr", "");
    line.replaceChildren(...cells.map((cell) => made(kind, String(cell))));
    return line;
  };
  element("tenants").replaceChildren(
    row("th", ["tenant", "plan", "cap", ...columns]),
    ...tenants.map(({ id, plan, cap, counts }) => row("td", [id, plan, cap, ...columns.map((column) => Math.round(counts[column] ?? 0))])),
  );
}

function show() {
  const counted = Map.groupBy(calls, ({ state }) => state);
  const words = [...counted].map(([state, of]) => `${of.length} ${state}`);
  element("summary").textContent = words.join(", ") || "none";
  const over = calls.filter(({ socket }) => socket === null).slice(-SHOWN_OVER);
  element("calls").replaceChildren(
    ...calls
      .filter((call) => call.socket !== null || over.includes(call))
      .map(({ id, state, detail, heard }) => {
        const chip = made("li", [id.slice(0, 6), state, detail, heard > 0 && state === "in" ? `${heard} heard` : ""].filter(Boolean).join(" · "));
        chip.dataset.state = state;
        return chip;
      }),
  );
}

/**
 * @param {string} name
 * @param {[string, string][]} choices
 */
function fill(name, choices) {
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem(name));
  if (select.options.length === choices.length) return;
  select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
}

/** @param {string} text */
function tell(text) {
  element("problem").textContent = text;
}

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new TypeError(`the page has no ${id}`);
  return found;
}

/**
 * @param {string} tag
 * @param {string} text
 */
function made(tag, text) {
  const node = document.createElement(tag);
  node.textContent = text;
  return node;
}
