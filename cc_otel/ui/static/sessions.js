// All sessions: what waits for a person and what runs first, then by when they were active.
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "./api.js";
import { ago, count, dollars, folderName, plural } from "./format.js";
import { html } from "./html.js";
import { live } from "./live.js";
import { amend, go } from "./route.js";
import { Rows } from "./window.js";

const ROW = 60;
const AT_MOST = 500;
const PAUSE_MS = 400;
const RANK = { "waiting for you": 0, running: 1 };

// A question that is asked again when something has changed, but not more often than every `PAUSE_MS`.
export function useAnswer(path, parameters, lively = false) {
  const [state, setState] = useState({});
  const asking = useRef({ timer: 0, last: 0 });
  const key = `${path} ${JSON.stringify(parameters)}`;
  useEffect(() => {
    let gone = false;
    const read = async () => {
      asking.current.last = Date.now();
      asking.current.timer = 0;
      try {
        const answer = await ask(path, parameters);
        if (!gone) setState({ answer, key });
      } catch (error) {
        if (!gone) setState((before) => (before.key === key ? { ...before, error } : { error, key }));
      }
    };
    read();
    const stop = lively
      ? live.listen(() => {
          asking.current.timer ||= setTimeout(read, Math.max(PAUSE_MS - (Date.now() - asking.current.last), 0));
        })
      : () => {};
    return () => {
      gone = true;
      stop();
      clearTimeout(asking.current.timer);
      asking.current.timer = 0;
    };
  }, [key]);
  return state.key === key ? state : {};
}

export function Sessions({ route }) {
  const { answer, error } = useAnswer("/api/sessions", { limit: AT_MOST }, true);
  const handle = useRef(null);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 20_000);
    return () => clearInterval(timer);
  }, []);
  const all = answer?.rows ?? [];
  const counts = Object.groupBy ? Object.groupBy(all, stateOf) : {};
  const wanted = (route.q ?? "").toLowerCase();
  const rows = all
    .filter((row) => !route.state || stateOf(row) === route.state)
    .filter((row) => !wanted || `${row.prompt} ${row.folder} ${row.session_id}`.toLowerCase().includes(wanted))
    .map((row) => ({ ...row, id: row.session_id }))
    .sort((one, other) => (RANK[one.state] ?? 2) - (RANK[other.state] ?? 2) || other.active_ms - one.active_ms);
  const waiting = all.filter((row) => row.state === "waiting for you").length;
  useEffect(() => {
    document.title = waiting ? `(${waiting}) cc-otel` : "cc-otel";
  }, [waiting]);

  const at = rows.findIndex((row) => row.id === route.at);
  const select = (index) => {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (row) amend({ at: row.id });
    handle.current?.show(rows.indexOf(row));
  };
  useEffect(() => {
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, dialog, button, a")) return;
      const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
      if (step) select(at < 0 ? 0 : at + step);
      else if ((event.key === "Enter" || event.key === "o") && rows[at]) go({ view: "session", name: rows[at].id });
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });

  const render = (row, index) => html`<div role="row" id=${`row-${row.id}`} class="card ${stateOf(row)}${row.id === route.at ? " selected" : ""}"
      aria-level="1" aria-rowindex=${index + 1} aria-selected=${row.id === route.at ? "true" : "false"} onClick=${() => go({ view: "session", name: row.id })}>
    <span role="gridcell" class="state ${stateOf(row)}">${row.state ?? "known"}</span>
    <span role="gridcell" class="about"><span class="prompt">${row.prompt || "No prompt yet"}</span>
      <span class="facts">${row.waiting_for ? html`<b class="waits">${row.waiting_for}</b> · ` : ""}${folderName(row.folder)}${row.folder ? " · " : ""}${row.model ? `${row.model} · ` : ""}${plural(row.turns, "turn")}, ${plural(row.tools, "call")}${row.errors ? html`, <b class="errors">${plural(row.errors, "error")}</b>` : ""}</span></span>
    <span role="gridcell" class="when"><span>${ago(row.active_ms, now)}</span><span class="facts">${dollars(row.cost_usd, row.unpriced_calls)}</span></span>
  </div>`;
  const chips = ["waiting", "running", "failed", "done"].filter((name) => counts[name]?.length);
  return html`<section class="page" aria-label="Sessions">
    <header class="head"><div class="title"><h1>Sessions</h1><span class="dim">${answer ? (answer.total > all.length ? `the newest ${count(all.length)} of ${count(answer.total)}` : count(answer.total)) : ""}</span></div>
      <div class="bar">${chips.map((name) => html`<button class="chip state-${name}" aria-pressed=${route.state === name} onClick=${() => amend({ state: route.state === name ? "" : name })}>${{ waiting: "waiting for you" }[name] ?? name} ${count(counts[name].length)}</button>`)}
      ${rows.length < all.length && html`<span class="dim">${count(all.length - rows.length)} hidden by filter</span>`}</div></header>
    ${error && html`<p class="trouble" role="alert">${error.message}</p>`}
    ${answer && !all.length && !error
      ? html`<p class="empty">No session has been recorded yet. <code>cc-otel install</code> wires Claude Code; the next prompt appears here by itself.</p>`
      : html`<${Rows} rows=${rows} rowHeight=${ROW} render=${render} label="Sessions" handle=${handle} active=${at >= 0 ? `row-${route.at}` : undefined} />`}
  </section>`;
}

function stateOf(row) {
  return { "waiting for you": "waiting" }[row.state] ?? row.state ?? "known";
}
