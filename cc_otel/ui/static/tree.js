// A session's spans as the rows that are shown: ordered, filtered, folded. Pure.

export const FOLDED = 5;
export const INSTANT_MS = 0.01;
const GAP_MS = 30_000;

export const keyOf = (span) => `${span.trace_id}-${span.span_id}`;

export const failed = (span) => span.status === "ERROR";

// Instants beside the span they belong to.
export const isQuiet = (span) => span.kind === "hook" && !span.open && span.duration_ms < INSTANT_MS;

export function endOf(span, now) {
  return span.open ? now : span.end_ms ?? span.start_ms + span.duration_ms;
}

// Spans, parents before their children and in order of time, each with its level. Every span is there once.
export function inOrder(spans) {
  const known = new Map(spans.map((span) => [keyOf(span), span]));
  const children = new Map();
  const roots = [];
  const sorted = [...spans].sort((one, other) => one.start_ms - other.start_ms || (keyOf(one) < keyOf(other) ? -1 : 1));
  for (const span of sorted) {
    const parent = `${span.trace_id}-${span.parent_id}`;
    if (span.parent_id && known.has(parent) && parent !== keyOf(span)) {
      if (!children.has(parent)) children.set(parent, []);
      children.get(parent).push(span);
    } else roots.push(span);
  }
  const rows = [];
  const seen = new Set();
  const walk = (root) => {
    const todo = [[root, 0, null]];
    while (todo.length) {
      const [span, depth, parent] = todo.pop();
      const key = keyOf(span);
      if (seen.has(key)) continue;
      seen.add(key);
      const below = children.get(key) ?? [];
      rows.push({ key, span, depth, parent, children: below.length });
      for (let at = below.length - 1; at >= 0; at -= 1) todo.push([below[at], depth + 1, key]);
    }
  };
  roots.forEach(walk);
  // Spans that are each other's parents hang from nothing: the earliest of them is taken for a root.
  for (const span of sorted) if (!seen.has(keyOf(span))) walk(span);
  return rows;
}

// What is shown of them, and how many are not and why.
export function shown(rows, { failedOnly = false, text = "", hooks = false }) {
  const hidden = { hooks: 0, filter: 0 };
  const wanted = text.toLowerCase();
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const kept = new Set();
  for (const row of rows) {
    if (!hooks && isQuiet(row.span) && !row.children) {
      hidden.hooks += 1;
      continue;
    }
    const fits = !wanted || `${row.span.name} ${row.span.label}`.toLowerCase().includes(wanted);
    if (!fits || (failedOnly && !failed(row.span))) continue;
    // With all that it stands below.
    for (let at = row; at && !kept.has(at.key); at = byKey.get(at.parent)) kept.add(at.key);
  }
  const found = rows.filter((row) => kept.has(row.key));
  hidden.filter = rows.length - found.length - hidden.hooks;
  return { rows: found, hidden };
}

// Rows with five or more calls of one tool in a row as one; what failed or runs stays by itself.
export function folded(rows, unfolded) {
  const found = [];
  for (let at = 0; at < rows.length; ) {
    const run = runFrom(rows, at);
    const key = `fold-${rows[at].key}`;
    if (run < FOLDED) found.push({ ...rows[at], id: rows[at].key });
    else if (unfolded.has(key)) {
      found.push({ id: key, key, fold: rows.slice(at, at + run), depth: rows[at].depth, span: rows[at].span, unfolded: true });
      for (const row of rows.slice(at, at + run)) found.push({ ...row, id: row.key });
    } else found.push({ id: key, key, fold: rows.slice(at, at + run), depth: rows[at].depth, span: rows[at].span });
    at += Math.max(run >= FOLDED ? run : 1, 1);
  }
  return found;
}

function runFrom(rows, at) {
  const first = rows[at];
  const alike = (row) =>
    row && row.span.kind === "tool" && row.span.tool === first.span.tool && row.parent === first.parent &&
    row.depth === first.depth && !failed(row.span) && !row.span.open;
  let end = at;
  while (alike(rows[end])) end += 1;
  return end - at;
}

// Where nothing happened for long: before which row, for how long, and whom it was waited for.
export function gaps(rows, now) {
  const found = new Map();
  let end = 0;
  let last = null;
  for (const row of rows) {
    if (last && row.depth === 0 && row.span.start_ms - end > GAP_MS)
      found.set(row.key, { ms: row.span.start_ms - end, from: end, to: row.span.start_ms, cause: "you" });
    if (row.span.kind !== "session") {
      end = Math.max(end, endOf(row.span, now));
      last = row;
    }
  }
  return found;
}

// Times as places from 0 to 1; `compressed` takes what is between `pauses` as long as it is, and them as a sliver.
export function scale(begin, end, pauses, compressed) {
  const length = Math.max(end - begin, 1);
  if (!compressed || !pauses.length) return (ms) => Math.min(Math.max((ms - begin) / length, 0), 1);
  const busy = length - pauses.reduce((sum, pause) => sum + pause.to - pause.from, 0);
  const sliver = Math.max(busy * 0.02, 1);
  const total = busy + sliver * pauses.length;
  return (ms) => {
    let place = Math.min(Math.max(ms, begin), end) - begin;
    for (const pause of pauses) {
      const gone = Math.min(Math.max(ms - pause.from, 0), pause.to - pause.from);
      place += (gone / (pause.to - pause.from)) * sliver - gone;
    }
    return Math.min(Math.max(place / total, 0), 1);
  };
}
