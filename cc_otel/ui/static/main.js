// The page: its frame, the keys that work everywhere, and which view is shown.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, setToken, takeToken, token } from "./api.js";
import { html } from "./html.js";
import { Costs, Files, Search } from "./lists.js";
import { live } from "./live.js";
import { address, amend, go, parse, useRoute } from "./route.js";
import { Session } from "./session.js";
import { Sessions } from "./sessions.js";

const VIEWS = { sessions: Sessions, session: Session, search: Search, cost: Costs, files: Files };
const LINKS = [["sessions", "Sessions"], ["files", "Files"], ["cost", "Cost"], ["search", "Search"]];
const THEMES = ["system", "light", "dark"];

function setTheme(name) {
  localStorage.setItem("cc-otel-theme", name);
  document.documentElement.dataset.theme = name;
}

function App() {
  const route = useRoute();
  const [state, setState] = useState(live.state);
  const [dialog, setDialog] = useState("");
  const [theme, choose] = useState(document.documentElement.dataset.theme);
  const search = useRef(null);
  useEffect(() => live.watch(setState), []);
  useEffect(() => {
    const onKey = (event) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setDialog("palette");
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, dialog")) return;
      if (event.key === "/") {
        event.preventDefault();
        search.current.focus();
      } else if (event.key === "?") setDialog("help");
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    search.current.value = route.q ?? "";
  }, [route.view, route.name, route.q]);

  if (state.kind === "refused") return html`<${Locked} reason=${state.text} />`;
  const View = VIEWS[route.view] ?? Sessions;
  const nextTheme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  const onSearch = (event) => {
    if (event.key === "Escape") event.target.blur();
    if (event.key !== "Enter") return;
    const text = event.target.value.trim();
    // In a list it narrows the list; in a session its rows.
    if (["session", "sessions", "files"].includes(route.view)) amend({ q: text });
    else go({ view: "search", q: text });
    event.target.blur();
  };
  return html`
    <a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); document.querySelector(".rows")?.focus(); }}>To the content</a>
    <nav class="top" aria-label="Views">
      <a class="brand" href=${address({ view: "sessions" })}>cc-otel</a>
      ${LINKS.map(([view, text]) => html`<a href=${address({ view })} aria-current=${route.view === view ? "page" : undefined}>${text}</a>`)}
      <span class="grow"></span>
      <input ref=${search} type="search" placeholder=${route.view === "session" ? "Find in this session  /" : "Find  /"} aria-label="Find" onKeyDown=${onSearch} />
      <button class="plain" onClick=${() => setDialog("palette")} title="⌘K">Go to…</button>
      <button class="plain" onClick=${() => { setTheme(nextTheme); choose(nextTheme); }} title="Theme">${theme}</button>
      <button class="plain" onClick=${() => setDialog("help")} aria-label="Keys">?</button>
      <span class="link ${state.kind}" role="status">${state.text}</span>
    </nav>
    <main id="content"><${View} key=${`${route.view}/${route.name}`} route=${route} /></main>
    ${dialog === "help" && html`<${Help} close=${() => setDialog("")} />`}
    ${dialog === "palette" && html`<${Palette} close=${() => setDialog("")} />`}`;
}

function Locked({ reason }) {
  const open = (event) => {
    event.preventDefault();
    setToken(new FormData(event.target).get("token").trim().replace(/^.*token=/, ""));
    location.reload();
  };
  return html`<main class="locked"><h1>cc-otel</h1><p>${reason}</p>
    <form onSubmit=${open}><label>Token, or the address with it <input name="token" type="password" autocomplete="off" /></label> <button>Open</button></form></main>`;
}

function Dialog({ label, close, children }) {
  const box = useRef(null);
  useEffect(() => {
    box.current.showModal();
  }, []);
  return html`<dialog ref=${box} aria-label=${label} onClose=${close} onClick=${(event) => event.target === box.current && box.current.close()}>${children}</dialog>`;
}

const KEYS = [
  ["j k", "the next, the one before"],
  ["Enter", "open, unfold"],
  ["e E", "the next failure, the one before"],
  ["f", "failures only"],
  ["w", "transcript or waterfall"],
  ["g G", "the first, the last"],
  ["/", "find"],
  ["⌘K", "go to a session or a view"],
  ["Esc", "let go of what is selected or found"],
  ["?", "these keys"],
];

function Help({ close }) {
  return html`<${Dialog} label="Keys" close=${close}><h2>Keys</h2><dl class="keys">${KEYS.map(([key, text]) => html`<dt><kbd>${key}</kbd></dt><dd>${text}</dd>`)}</dl>
    <form method="dialog"><button>Close</button></form><//>`;
}

function Palette({ close }) {
  const [text, setText] = useState("");
  const [sessions, setSessions] = useState([]);
  const [at, setAt] = useState(0);
  useEffect(() => {
    ask("/api/sessions", { limit: 100 }).then((found) => setSessions(found.rows), () => {});
  }, []);
  const all = [
    ...LINKS.map(([view, title]) => ({ title, note: "view", run: () => go({ view }) })),
    ...sessions.map((row) => ({ title: row.prompt || row.session_id, note: row.session_id.slice(0, 8), run: () => go({ view: "session", name: row.session_id }) })),
  ];
  const wanted = text.toLowerCase();
  const found = all.filter((item) => `${item.title} ${item.note}`.toLowerCase().includes(wanted)).slice(0, 12);
  if (text.trim()) found.push({ title: `Spans with “${text.trim()}”`, note: "search", run: () => go({ view: "search", q: text.trim() }) });
  const run = (item) => {
    close();
    item?.run();
  };
  const onKey = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((at + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[at]);
    }
  };
  return html`<${Dialog} label="Go to" close=${close}>
    <input role="combobox" aria-expanded="true" aria-controls="found" aria-activedescendant=${`found-${at}`} aria-label="Go to" placeholder="A session or a view" autofocus
      onInput=${(event) => { setText(event.target.value); setAt(0); }} onKeyDown=${onKey} />
    <ul id="found" role="listbox" aria-label="Found">${found.map((item, index) => html`<li id=${`found-${index}`} role="option" aria-selected=${index === at ? "true" : "false"} onClick=${() => run(item)}><span>${item.title}</span><span class="dim">${item.note}</span></li>`)}</ul><//>`;
}

takeToken();
document.documentElement.dataset.theme = localStorage.getItem("cc-otel-theme") ?? "system";
if (token()) {
  live.start();
  render(html`<${App} />`, document.getElementById("app"));
} else render(html`<${Locked} reason="Open the address that cc-otel ui prints, or paste its token." />`, document.getElementById("app"));

export { parse };
