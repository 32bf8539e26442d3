// A session: read as a transcript, or seen as a waterfall; the same rows and the same selection.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask } from "./api.js";
import { Block, Runs, setFonts, wrapped } from "./blocks.js";
import { clock, count, dollars, duration, plural, tokens } from "./format.js";
import { html } from "./html.js";
import { live } from "./live.js";
import { address, amend, go } from "./route.js";
import { endOf, failed, folded, gaps, inOrder, keyOf, scale, shown } from "./tree.js";
import { Rows } from "./window.js";

const LINE = 24;
const AT_ONCE = 60;
const GUTTER = 90;
const STEP = 18;
const PROSE = 820;

// What was recorded of a session, kept up to date: spans by key, those that are open, and what agents took.
function useSession(name) {
  const [state, setState] = useState({ name: "" });
  const known = useRef(null);
  const frame = useRef(0);

  const publish = () => {
    frame.current ||= requestAnimationFrame(() => {
      frame.current = 0;
      const { spans, open, ...rest } = known.current;
      const all = new Map(open.map((span) => [keyOf(span), span]));
      for (const [key, span] of spans) all.set(key, span);
      setState({ ...rest, name, rows: inOrder([...all.values()]) });
    });
  };
  const read = async () => {
    try {
      const found = await ask(`/api/sessions/${encodeURIComponent(name)}`);
      known.current = {
        id: found.session_id,
        trace: /^[0-9a-f]{32}$/.test(name) ? name : "",
        spans: new Map(found.rows.filter((row) => !row.open).map((row) => [keyOf(row), row])),
        open: found.rows.filter((row) => row.open),
        reasons: found.reasons,
        costs: found.costs,
        contents: known.current?.contents ?? new Map(),
        version: (known.current?.version ?? 0) + 1,
      };
      publish();
    } catch (error) {
      if (!known.current) setState({ name, error });
    }
  };
  const ours = (span) => (known.current.trace ? span.trace_id === known.current.trace : span.session_id === known.current.id);

  useEffect(() => {
    known.current = null;
    read();
    const stop = live.listen((message) => {
      if (!known.current) {
        if (message.type !== "open" || message.rows.some((span) => span.session_id?.startsWith(name))) read();
        return;
      }
      if (message.type === "reset") {
        read();
      } else if (message.type === "open") {
        const open = message.rows.filter(ours);
        if (open.length || known.current.open.length) {
          known.current.open = open;
          publish();
        }
      } else if (message.type === "spans") {
        const fresh = message.rows.filter(ours);
        for (const span of fresh) {
          known.current.spans.set(keyOf(span), span);
          known.current.contents.delete(keyOf(span));
        }
        if (fresh.length) publish();
        // A turn that has ended: what it took, and what is worth a look.
        if (fresh.some((span) => span.kind === "turn")) read();
      }
    });
    return () => {
      stop();
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [name]);

  return [state.name === name ? state : { name }, known];
}

export function Session({ route }) {
  const [state, known] = useSession(route.name);
  const [unfolded, setUnfolded] = useState(() => new Set());
  const [expanded, setExpanded] = useState(() => new Set());
  const [drawnContents, setDrawn] = useState(0);
  const [now, setNow] = useState(Date.now());
  const [fresh, setFresh] = useState(0);
  const following = useRef(!route.span);
  const handle = useRef(null);
  const waterfall = route.as === "waterfall";
  const filter = { failedOnly: route.failed === "1", text: route.q ?? "", hooks: route.hooks === "1" };

  const visible = useMemo(
    () => (state.rows ? shown(state.rows, filter) : { rows: [], hidden: { hooks: 0, filter: 0 } }),
    [state.rows, filter.failedOnly, filter.text, filter.hooks],
  );
  const entries = useMemo(() => folded(visible.rows, unfolded), [visible, unfolded]);
  const running = state.rows?.some((row) => row.span.open);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);

  // What came while one reads elsewhere is counted; at the end it is followed.
  const total = useRef(0);
  useLayoutEffect(() => {
    const more = total.current ? entries.length - total.current : 0;
    total.current = entries.length;
    if (following.current) handle.current?.end();
    else if (more > 0) setFresh((before) => before + more);
  }, [entries.length]);
  const onEnd = (atEnd) => {
    following.current = atEnd;
    if (atEnd) setFresh(0);
  };

  const at = entries.findIndex((entry) => entry.key === route.span);
  const failures = entries.filter((entry) => !entry.fold && failed(entry.span));
  const select = (entry) => {
    if (!entry) return;
    following.current = false;
    amend({ span: entry.key });
  };
  const toggle = (entry) => {
    if (!entry) return;
    const [has, set] = entry.fold ? [unfolded, setUnfolded] : [expanded, setExpanded];
    const next = new Set(has);
    if (!next.delete(entry.key)) next.add(entry.key);
    set(next);
  };
  const jump = (step) => {
    const places = failures.map((entry) => entries.indexOf(entry));
    const next = step > 0 ? places.find((place) => place > at) ?? places[0] : places.findLast((place) => place < (at < 0 ? Infinity : at)) ?? places.at(-1);
    select(entries[next]);
  };
  const actions = {
    j: () => select(entries[Math.min(at + 1, entries.length - 1)]),
    k: () => select(entries[Math.max(at - 1, 0)]),
    ArrowDown: () => actions.j(),
    ArrowUp: () => actions.k(),
    e: () => jump(1),
    E: () => jump(-1),
    g: () => select(entries[0]),
    G: () => select(entries.at(-1)),
    Enter: () => toggle(entries[at]),
    o: () => toggle(entries[at]),
    w: () => amend({ as: waterfall ? "" : "waterfall" }),
    f: () => amend({ failed: filter.failedOnly ? "" : "1" }),
    Escape: () => amend({ span: "", q: "" }),
  };
  useEffect(() => {
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, dialog, select, button, a, pre")) return;
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });

  // Content of what is on the screen is asked for once.
  const asked = useRef(new Set());
  const fetchContents = async (wanted) => {
    const contents = known.current?.contents;
    const keys = wanted.filter((key) => contents && !contents.has(key) && !asked.current.has(key)).slice(0, AT_ONCE);
    if (!keys.length) return;
    keys.forEach((key) => asked.current.add(key));
    try {
      const found = await ask("/api/spans", { key: keys });
      for (const span of found.spans) contents.set(keyOf(span), span);
      for (const key of keys) if (!contents.has(key)) contents.set(key, { blocks: [] });
      setDrawn((before) => before + 1);
    } catch {
      // Asked again when it is on the screen again.
    } finally {
      keys.forEach((key) => asked.current.delete(key));
    }
  };

  if (state.error) return html`<p class="empty" role="alert">${state.error.message}</p>`;
  if (!state.rows) return html`<p class="empty">Reading the session…</p>`;
  const view = { state, entries, route, select, toggle, expanded, handle, onEnd, now, known, fetchContents, drawnContents, following };
  return html`<section class="session" aria-label="Session">
    <${Head} state=${state} rows=${state.rows} route=${route} now=${now} filter=${filter} hidden=${visible.hidden} failures=${failures} jump=${jump} />
    <div class="work">
      ${waterfall ? html`<${Waterfall} ...${view} />` : html`<${Transcript} ...${view} />`}
      ${fresh > 0 && html`<button class="fresh" onClick=${() => { following.current = true; handle.current?.end(); setFresh(0); }}>${count(fresh)} new ↓</button>`}
      ${waterfall && route.span && html`<${Detail} name=${route.span} contents=${known.current?.contents} fetch=${fetchContents} version=${drawnContents} entries=${entries} />`}
    </div>
  </section>`;
}

function Head({ state, rows, route, now, filter, hidden, failures, jump }) {
  const turns = rows.filter((row) => row.span.kind === "turn");
  const calls = rows.filter((row) => row.span.kind === "tool").length;
  const prompt = turns[0]?.span.label ?? rows[0]?.span.label ?? "";
  const costs = Object.values(state.costs ?? {});
  const sum = (name) => costs.reduce((all, cost) => all + (cost[name] ?? 0), 0);
  const priced = costs.some((cost) => cost.cost_usd != null) ? sum("cost_usd") : null;
  const begin = rows[0]?.span.start_ms ?? 0;
  const open = rows.filter((row) => row.span.open);
  const waiting = open.find((row) => row.span.kind === "hook");
  const chip = (on, text, more) => html`<button class="chip" aria-pressed=${on} onClick=${() => amend(more)}>${text}</button>`;
  return html`<header class="head">
    <div class="title"><h1>${prompt || "Session"}</h1>
      ${waiting ? html`<span class="state waiting">waiting for you</span>` : open.length ? html`<span class="state running">running</span>` : null}
    </div>
    <p class="facts">${clock(begin)} · ${plural(turns.length, "turn")} · ${plural(calls, "call")} · ${tokens(sum("input_tokens"))} tokens in, ${tokens(sum("output_tokens"))} out${priced != null || sum("unpriced_calls") ? ` · ${dollars(priced, sum("unpriced_calls"))}` : ""} <span class="dim mono">${(state.id ?? "").slice(0, 8)}</span></p>
    <div class="bar">
      <div class="tabs" role="group" aria-label="View">
        <button aria-pressed=${route.as !== "waterfall"} onClick=${() => amend({ as: "" })}>Transcript</button>
        <button aria-pressed=${route.as === "waterfall"} onClick=${() => amend({ as: "waterfall" })}>Waterfall</button>
      </div>
      ${failures.length > 0 && html`<button class="chip bad" onClick=${() => jump(1)} title="e: the next, E: the one before">${plural(failures.length, "failure")} ↓</button>`}
      ${chip(filter.failedOnly, "failures only", { failed: filter.failedOnly ? "" : "1" })}
      ${(hidden.hooks > 0 || filter.hooks) && chip(filter.hooks, filter.hooks ? "hook events shown" : `${plural(hidden.hooks, "hook event")} hidden`, { hooks: filter.hooks ? "" : "1" })}
      ${filter.text && html`<button class="chip" aria-pressed="true" onClick=${() => amend({ q: "" })}>“${filter.text}” ×</button>`}
      ${hidden.filter > 0 && html`<span class="dim">${count(hidden.filter)} hidden by filter</span>`}
    </div>
    ${state.reasons?.length > 0 && html`<ul class="reasons" aria-label="Worth a look">${state.reasons.map((reason) => html`<li>
      <button onClick=${() => amend({ span: `${reason.trace_id}-${reason.span_id}` })}><b>${reason.kind}</b> ${reason.text}</button></li>`)}</ul>`}
  </header>`;
}

const ICON = { turn: "›", chat: "", tool: "", subagent: "◆", session: "○", compact: "≡", hook: "·", span: "·" };

function toolName(span) {
  if (span.kind === "tool") return (span.tool ?? span.name).replace(/^mcp__/, "");
  if (span.kind === "subagent") return span.name.replace("invoke_agent ", "");
  return span.kind;
}

function took(span, now) {
  if (span.open) return `${duration(Math.max(now - span.start_ms, 1))} so far`;
  return duration(span.duration_ms);
}

// Transcript: every entry as one line or more, all of one height.
function Transcript({ state, entries, route, select, toggle, expanded, handle, onEnd, now, known, fetchContents, drawnContents, following }) {
  const [width, setWidth] = useState(800);
  const lineCache = useRef(new Map());
  useLayoutEffect(() => {
    const style = getComputedStyle(document.documentElement);
    setFonts(style.getPropertyValue("--prose").trim(), style.getPropertyValue("--mono").trim());
    lineCache.current.clear();
    const measure = () => setWidth(handle.current?.width() || 800);
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);

  const contents = known.current?.contents ?? new Map();
  const pauses = useMemo(() => gaps(state.rows, Date.now()), [state.rows]);
  const lines = useMemo(() => {
    const found = [];
    for (const entry of entries) {
      const content = contents.get(entry.key);
      const open = expanded.has(entry.key);
      const cached = lineCache.current.get(entry.key);
      const pause = pauses.get(entry.key);
      if (cached && cached.content === content && cached.open === open && cached.width === width && cached.span === entry.span && cached.unfolded === entry.unfolded && cached.pause === pause?.ms && cached.depth === entry.depth) {
        for (const line of cached.lines) found.push(line);
        continue;
      }
      const made = linesOf(entry, content, open, width, pause);
      lineCache.current.set(entry.key, { lines: made, content, open, width, span: entry.span, unfolded: entry.unfolded, pause: pause?.ms, depth: entry.depth });
      for (const line of made) found.push(line);
    }
    return found;
  }, [entries, expanded, width, drawnContents, pauses]);

  // The line at the top stays where it is when lines come above it or grow.
  const anchor = useRef(null);
  useLayoutEffect(() => {
    if (following.current) handle.current?.end();
    else if (anchor.current) {
      const index = lines.findIndex((line) => line.entry.key === anchor.current.key && line.part === anchor.current.part);
      if (index >= 0 && index !== anchor.current.index) handle.current?.scrollTo(handle.current.top() + (index - anchor.current.index) * LINE);
    }
  }, [lines]);
  useLayoutEffect(() => {
    if (route.span) handle.current?.show(lines.findIndex((line) => line.entry.key === route.span && line.main));
  }, [route.span]);

  const onSeen = (first, last) => {
    const top = Math.floor((handle.current?.top() ?? 0) / LINE);
    const line = lines[Math.min(top, lines.length - 1)];
    anchor.current = line ? { key: line.entry.key, part: line.part, index: lines.indexOf(line) } : null;
    const wanted = new Set();
    for (const { entry } of lines.slice(first, last)) {
      const spoken = entry.span.kind === "turn" || entry.span.kind === "chat";
      if (!entry.fold && !entry.span.open && (spoken || expanded.has(entry.key))) wanted.add(entry.key);
    }
    fetchContents([...wanted]);
  };
  const render = (line, index) => html`<${Line} line=${line} index=${index} selected=${line.entry.key === route.span} now=${now}
    cost=${line.main ? state.costs?.[line.entry.key] : null} onClick=${() => (line.main ? (select(line.entry), (line.entry.fold || expandable(line.entry.span)) && toggle(line.entry)) : select(line.entry))} />`;
  return html`<${Rows} rows=${lines} rowHeight=${LINE} render=${render} label="Transcript" handle=${handle} onSeen=${onSeen} onEnd=${onEnd}
    active=${route.span ? `row-${route.span}` : undefined} />`;
}

const expandable = (span) => span.kind !== "session";

function linesOf(entry, content, open, width, pause) {
  const { span } = entry;
  const indent = GUTTER + Math.min(entry.depth, 12) * STEP;
  const room = Math.max(width - indent - 40, 200);
  const lines = [];
  const add = (type, more = {}) => lines.push({ id: `${entry.key}:${lines.length}`, entry, type, part: lines.length, ...more });
  if (pause) add("pause", { text: `${duration(pause.ms)} until the next prompt` });
  if (span.kind === "turn") {
    add("space");
    add("turn", { main: true });
    const blocks = content?.blocks?.filter((block) => block.title === "prompt" || block.kind !== "markdown" || open) ?? [];
    const prompts = promptBlocks(content?.blocks ?? []);
    if (prompts.length) addBlocks(add, prompts, Math.min(room, PROSE), "asked");
    else add("asked", { kind: "text", runs: [["", span.label.split(" → ")[0]]] });
    if (open) addBlocks(add, blocks.filter((block) => !prompts.includes(block)), room, "content");
    return lines;
  }
  if (span.kind === "chat" && content?.blocks?.length) {
    add("said-head", { main: true });
    addBlocks(add, content.blocks, Math.min(room, PROSE), "said");
    if (open) addAttributes(add, content, room);
    return lines;
  }
  add(entry.fold ? "fold" : span.kind === "tool" ? "call" : span.kind, { main: true, open });
  if (open && content) {
    addBlocks(add, content.blocks, room, "content");
    addAttributes(add, content, room);
  } else if (open && !entry.fold) add("content", { kind: "text", runs: [["dim", span.open ? "It has not ended yet." : "Reading…"]] });
  return lines;
}

// The prompt is what comes before the answer.
function promptBlocks(blocks) {
  const end = blocks.findIndex((block) => block.title === "said");
  return end < 0 ? blocks : blocks.slice(0, end);
}

function addBlocks(add, blocks, room, type) {
  for (const block of blocks) {
    if (block.title && type === "content") add("caption", { text: block.title });
    for (const runs of wrapped(block, room)) add(type, { kind: block.kind, runs });
    if (block.hidden_chars) add("content", { kind: "text", runs: [["dim", `${count(block.hidden_chars)} characters more`]] });
  }
}

function addAttributes(add, content, room) {
  const rest = Object.entries(content.attributes ?? {}).filter(([name]) => !/arguments|result|messages|session_id|summary/.test(name));
  if (!rest.length) return;
  add("caption", { text: "attributes" });
  for (const [name, value] of rest)
    for (const runs of wrapped({ kind: "code", runs: [["name", name], ["", `  ${typeof value === "string" ? value : JSON.stringify(value)}`]] }, room)) add("content", { kind: "code", runs });
}

function Line({ line, selected, now, cost, onClick, index }) {
  const { entry, type } = line;
  const { span } = entry;
  const bad = failed(span) && !entry.fold;
  const id = line.main ? `row-${entry.key}` : undefined;
  const indent = `${GUTTER + Math.min(entry.depth, 12) * STEP}px`;
  const common = {
    role: "row", id, "aria-level": Math.min(entry.depth, 12) + 1 + (line.main ? 0 : 1), "aria-rowindex": index + 1,
    class: `line ${type}${selected ? " selected" : ""}${bad ? " bad" : ""}${span.open ? " open" : ""}`,
    onClick, style: { paddingLeft: indent },
  };
  if (line.main) {
    common["aria-selected"] = selected ? "true" : "false";
    if (entry.fold || expandable(span)) common["aria-expanded"] = (entry.fold ? entry.unfolded : line.open) ? "true" : "false";
  }
  const time = line.main && html`<span class="time">${clock(span.start_ms)}</span>`;
  const price = cost && html`<span class="cost">${tokens((cost.input_tokens ?? 0) + (cost.output_tokens ?? 0))} tokens${cost.cost_usd != null || cost.unpriced_calls ? ` · ${dollars(cost.cost_usd, cost.unpriced_calls)}` : ""}</span>`;
  const cell = (content) => html`<div ...${common}><span role="gridcell" class="cell">${time}${content}</span></div>`;
  switch (type) {
    case "space": case "pause":
      return cell(type === "pause" ? html`<span class="dim">${line.text}</span>` : " ");
    case "turn":
      return cell(html`<b class="who">You</b><span class="grow"></span>${price}<span class="took">${took(span, now)}</span>${bad && html`<span class="error">${span.error_type ?? "failed"}</span>`}`);
    case "said-head":
      return cell(html`<b class="who model">${span.name.replace("chat ", "")}</b><span class="grow"></span><span class="took">${took(span, now)}</span>`);
    case "asked": case "said": case "content":
      return cell(html`<${Runs} runs=${line.runs} kind=${line.kind} />`);
    case "caption":
      return cell(line.text);
    case "fold":
      return cell(html`<span class="mark">${entry.unfolded ? "▾" : "▸"}</span><span class="tool">${toolName(span)} ×${entry.fold.length}</span><span class="label">${entry.fold.slice(0, 3).map((row) => row.span.label).join(" · ")} …</span>`);
    default:
      return cell(html`<span class="mark" aria-hidden="true">${line.open ? "▾" : "▸"}</span><span class="tool kind-${span.kind}">${ICON[span.kind]} ${toolName(span)}</span><span class="label">${span.label || span.name}</span>
        ${bad && html`<span class="error">✕ ${span.error_type ?? "failed"}</span>`}${price}<span class="took">${took(span, now)}</span>`);
  }
}

// Waterfall: the same rows on one axis of time.
function Waterfall({ state, entries, route, select, toggle, handle, onEnd, now, following }) {
  const all = state.rows;
  const begin = all.reduce((least, row) => Math.min(least, row.span.start_ms), Infinity);
  const end = all.reduce((most, row) => Math.max(most, endOf(row.span, now)), begin + 1);
  const pauses = useMemo(() => [...gaps(all, now).values()], [all]);
  const idle = pauses.reduce((sum, pause) => sum + pause.ms, 0);
  const worth = idle > (end - begin) * 0.3;
  const place = scale(begin, end, pauses, route.compressed !== "0" && worth);
  useLayoutEffect(() => {
    if (route.span) handle.current?.show(entries.findIndex((entry) => entry.key === route.span));
  }, [route.span]);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const headings = html`<div role="rowgroup" class="axis"><div role="row"><span role="columnheader">what</span><span role="columnheader" class="ticks">
    ${worth && route.compressed !== "0" ? html`<span>${plural(pauses.length, "pause")} compressed, ${duration(idle)}</span>` : ticks.map((tick) => html`<span>${duration(tick * (end - begin)) || "0"}</span>`)}</span></div></div>`;
  const render = (entry, index) => {
    const { span } = entry;
    const last = entry.fold ? entry.fold.at(-1).span : span;
    const [from, to] = [place(span.start_ms), place(endOf(last, now))];
    const bad = failed(span) && !entry.fold;
    return html`<div role="row" id=${`row-${entry.key}`} class="line bar-row kind-${span.kind}${entry.key === route.span ? " selected" : ""}${bad ? " bad" : ""}${span.open ? " open" : ""}"
      aria-level=${Math.min(entry.depth, 12) + 1} aria-rowindex=${index + 1} aria-selected=${entry.key === route.span ? "true" : "false"} aria-expanded=${entry.fold ? (entry.unfolded ? "true" : "false") : undefined}
      onClick=${() => { select(entry); if (entry.fold) toggle(entry); }}>
      <span role="gridcell" class="what" style=${{ paddingLeft: `${8 + Math.min(entry.depth, 12) * 14}px` }}><span class="tool kind-${span.kind}">${entry.fold ? `${toolName(span)} ×${entry.fold.length}` : toolName(span)}</span><span class="label">${span.label || span.name}</span></span>
      <span role="gridcell" class="lane"><span class="bar" style=${{ left: `${from * 100}%`, width: `max(${(to - from) * 100}%, 3px)` }}></span>
        <span class="beside" style=${from > 0.75 ? { right: `${(1 - from) * 100}%` } : { left: `${to * 100}%` }}>${bad ? `✕ ${span.error_type ?? "failed"} ` : ""}${took(span, now)}</span></span>
    </div>`;
  };
  return html`<div class="fall">${worth && html`<button class="chip" aria-pressed=${route.compressed !== "0"} onClick=${() => amend({ compressed: route.compressed === "0" ? "" : "0" })}>compress pauses</button>`}
    <${Rows} rows=${entries} rowHeight=${LINE} render=${render} label="Waterfall" handle=${handle} onEnd=${onEnd} headings=${headings}
    active=${route.span ? `row-${route.span}` : undefined} /></div>`;
}

function Detail({ name, contents, fetch, version, entries }) {
  const entry = entries.find((it) => it.key === name);
  useEffect(() => {
    if (entry && !entry.fold && !entry.span.open) fetch([name]);
  }, [name, version]);
  const found = contents?.get(name);
  return html`<aside class="detail" aria-label="Selected span">
    <header><h2>${entry?.span.label || entry?.span.name || name}</h2><button class="close" aria-label="Close" onClick=${() => amend({ span: "" })}>×</button></header>
    ${!found && html`<p class="dim">${entry?.span.open ? "It has not ended yet." : "Reading…"}</p>`}
    ${found?.blocks.map((block) => html`<${Block} block=${block} />`)}
    ${found && html`<dl>${Object.entries(found.attributes ?? {}).filter(([key]) => !/arguments|result|messages/.test(key)).map(([key, value]) => html`<dt>${key}</dt><dd>${typeof value === "string" ? value : JSON.stringify(value)}</dd>`)}</dl>`}
  </aside>`;
}

export { address, go };
