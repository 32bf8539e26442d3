// Rows of one height, of which only those on the screen are in the document: 60 at most, however many there are.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";

export const ROWS_MAX = 60;
const BEYOND = 3;

// Which rows are drawn, for a place and a height in pixels. Pure.
export function drawn(top, height, rowHeight, total) {
  const first = Math.max(Math.floor(top / rowHeight) - BEYOND, 0);
  const wanted = Math.ceil(height / rowHeight) + 1 + 2 * BEYOND;
  return [first, Math.min(first + Math.min(wanted, ROWS_MAX), total)];
}

// `rows` are drawn by `render(row, index)`; `handle` is given ways to scroll. `onSeen` is told which rows are drawn.
export function Rows({ rows, rowHeight, render, label, handle, onSeen, onEnd, active, onKeyDown, headings }) {
  const box = useRef(null);
  const frame = useRef(0);
  const [place, setPlace] = useState({ top: 0, height: 0 });

  const look = () => {
    frame.current = 0;
    const element = box.current;
    if (!element) return;
    setPlace((before) =>
      before.top === element.scrollTop && before.height === element.clientHeight
        ? before
        : { top: element.scrollTop, height: element.clientHeight },
    );
    onEnd?.(element.scrollTop + element.clientHeight >= element.scrollHeight - rowHeight);
  };
  const later = () => {
    frame.current ||= requestAnimationFrame(look);
  };

  useLayoutEffect(() => {
    look();
    const sizes = new ResizeObserver(later);
    sizes.observe(box.current);
    return () => sizes.disconnect();
  }, []);
  useLayoutEffect(later, [rows.length]);

  if (handle) {
    handle.current = {
      top: () => box.current?.scrollTop ?? 0,
      scrollTo: (top) => {
        if (box.current) box.current.scrollTop = top;
        look();
      },
      show: (index) => {
        const element = box.current;
        if (!element || index < 0) return;
        const [first, last] = [index * rowHeight, (index + 1) * rowHeight];
        if (first < element.scrollTop + rowHeight) element.scrollTop = Math.max(first - 2 * rowHeight, 0);
        else if (last > element.scrollTop + element.clientHeight - rowHeight)
          element.scrollTop = last - element.clientHeight + 2 * rowHeight;
        look();
      },
      end: () => {
        if (box.current) box.current.scrollTop = box.current.scrollHeight;
        look();
      },
      focus: () => box.current?.focus(),
      width: () => box.current?.clientWidth ?? 800,
    };
  }

  const [first, last] = drawn(place.top, place.height, rowHeight, rows.length);
  useEffect(() => onSeen?.(first, last), [first, last, rows]);
  const shown = [];
  for (let at = first; at < last; at += 1) {
    shown.push(html`<div key=${rows[at].id} class="slot" role="none" style=${{ transform: `translateY(${at * rowHeight}px)`, height: `${rowHeight}px` }}>
      ${render(rows[at], at)}
    </div>`);
  }
  return html`<div class="rows" ref=${box} onScroll=${later} tabindex="0" role="treegrid" aria-label=${label}
    aria-rowcount=${rows.length || 1} aria-activedescendant=${active} aria-readonly="true" onKeyDown=${onKeyDown}>
    ${headings}
    <div class="inner" role="rowgroup" style=${{ height: `${rows.length * rowHeight}px` }}>
      ${rows.length ? shown : html`<div role="row" class="none"><span role="gridcell">Nothing to show.</span></div>`}
    </div>
  </div>`;
}
