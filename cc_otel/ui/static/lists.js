// Lists over all sessions: what a text is found in, what model calls took, which files were touched.
import { useRef } from "preact/hooks";
import { ago, clock, count, day, dollars, duration, tokens } from "./format.js";
import { html } from "./html.js";
import { amend, go } from "./route.js";
import { useAnswer } from "./sessions.js";
import { Rows } from "./window.js";

const ROW = 28;
const AT_MOST = 1000;

function List({ title, note, rows, columns, open, error, children }) {
  const handle = useRef(null);
  const template = { gridTemplateColumns: columns.map((column) => column.width).join(" ") };
  const headings = html`<div role="rowgroup" class="headings"><div role="row" style=${template}>
    ${columns.map((column) => html`<span role="columnheader" class=${column.number ? "number" : ""}>${column.title}</span>`)}</div></div>`;
  const render = (row, index) => html`<div role="row" class="item${row.bad ? " bad" : ""}${open ? " opens" : ""}" style=${template} aria-level="1" aria-rowindex=${index + 1} onClick=${open && (() => open(row))}>
    ${columns.map((column) => html`<span role="gridcell" class=${column.number ? "number" : column.class ?? ""}>${column.of(row)}</span>`)}</div>`;
  return html`<section class="page" aria-label=${title}>
    <header class="head"><div class="title"><h1>${title}</h1><span class="dim">${note}</span></div>${children}</header>
    ${error && html`<p class="trouble" role="alert">${error.message}</p>`}
    <${Rows} rows=${rows} rowHeight=${ROW} render=${render} label=${title} handle=${handle} headings=${headings} />
  </section>`;
}

const note = (answer) => (answer ? (answer.more ? `the first ${count(answer.rows.length)}; there are more` : count(answer.rows.length)) : "");

export function Search({ route }) {
  const { answer, error } = useAnswer("/api/query/spans", { text: route.q ?? "", limit: AT_MOST });
  const rows = (answer?.rows ?? []).map((row) => ({ ...row, id: `${row.trace_id}-${row.span_id}`, bad: row.status === "ERROR" }));
  return html`<${List} title=${route.q ? `Spans with “${route.q}”` : "Newest spans"} note=${note(answer)} rows=${rows} error=${error}
    open=${(row) => go({ view: "session", name: row.session_id ?? row.trace_id, span: row.id })}
    columns=${[
      { title: "when", width: "150px", of: (row) => `${day(row.start_ms)} ${clock(row.start_ms)}`, class: "dim" },
      { title: "what", width: "220px", of: (row) => row.name, class: "mono" },
      { title: "summary", width: "1fr", of: (row) => row.label },
      { title: "took", width: "90px", number: true, of: (row) => duration(row.duration_ms) },
    ]} />`;
}

const BY = ["session", "turn", "agent", "model"];

export function Costs({ route }) {
  const by = BY.includes(route.by) ? route.by : "session";
  const { answer, error } = useAnswer("/api/costs", { by }, true);
  const found = answer?.rows ?? [];
  const most = Math.max(...found.map((row) => row.cost_usd ?? 0), 1e-9);
  const rows = found
    .map((row, at) => ({ ...row, id: `${at}` }))
    .sort((one, other) => (other.cost_usd ?? -1) - (one.cost_usd ?? -1));
  const sum = found.reduce((all, row) => all + (row.cost_usd ?? 0), 0);
  const unpriced = found.reduce((all, row) => all + (row.unpriced_calls ?? 0), 0);
  const name = (row) => (by === "model" ? row.model : by === "agent" ? row.label || row.agent : by === "turn" ? row.trace_id?.slice(0, 8) : row.session_id?.slice(0, 8)) ?? "unknown";
  return html`<${List} title="Cost" note=${answer ? `${dollars(sum)}${unpriced ? `, and ${count(unpriced)} calls without a price` : ""}` : ""} rows=${rows} error=${error}
    open=${by === "model" ? null : (row) => go({ view: "session", name: row.session_id ?? row.trace_id })}
    columns=${[
      { title: by, width: "1fr", of: name },
      { title: "", width: "22%", of: (row) => html`<span class="meter" aria-hidden="true"><span style=${{ width: `${((row.cost_usd ?? 0) / most) * 100}%` }}></span></span>` },
      { title: "dollars", width: "90px", number: true, of: (row) => dollars(row.cost_usd, row.unpriced_calls) },
      { title: "calls", width: "70px", number: true, of: (row) => count(row.calls) },
      { title: "tokens in", width: "90px", number: true, of: (row) => tokens(row.input_tokens) },
      { title: "from cache", width: "90px", number: true, of: (row) => tokens(row.cache_read_tokens) },
      { title: "tokens out", width: "90px", number: true, of: (row) => tokens(row.output_tokens) },
    ]}>
    <div class="tabs" role="group" aria-label="A row is">${BY.map((it) => html`<button aria-pressed=${by === it} onClick=${() => amend({ by: it })}>by ${it}</button>`)}</div>
  <//>`;
}

export function Files({ route }) {
  const { answer, error } = useAnswer("/api/query/files", { limit: AT_MOST }, true);
  const wanted = (route.q ?? "").toLowerCase();
  const rows = (answer?.rows ?? []).filter((row) => !wanted || row.path.toLowerCase().includes(wanted)).map((row, at) => ({ ...row, id: `${at} ${row.path}`, bad: row.errors > 0 }));
  return html`<${List} title="Files" note=${note(answer)} rows=${rows} error=${error} columns=${[
    { title: "last touched", width: "120px", of: (row) => ago(row.last_ms, Date.now()), class: "dim" },
    { title: "path", width: "1fr", of: (row) => row.path, class: "mono path" },
    { title: "read", width: "60px", number: true, of: (row) => row.reads || "" },
    { title: "edited", width: "60px", number: true, of: (row) => row.edits || "" },
    { title: "written", width: "60px", number: true, of: (row) => row.writes || "" },
    { title: "failed", width: "60px", number: true, of: (row) => row.errors || "" },
  ]} />`;
}
