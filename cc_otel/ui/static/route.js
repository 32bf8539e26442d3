// What is shown stands in the address: `#/session/ID?as=waterfall&span=…`. Who opens it elsewhere sees the same.
import { useEffect, useState } from "preact/hooks";

export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  return { view: view || "sessions", name: decodeURIComponent(rest.join("/")), ...Object.fromEntries(new URLSearchParams(query)) };
}

export function address({ view, name = "", ...query }) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null && value !== false);
  const path = name ? `#/${view}/${encodeURIComponent(name)}` : `#/${view}`;
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

const listeners = new Set();
const changed = () => listeners.forEach((listener) => listener(parse(location.hash)));
addEventListener("popstate", changed);

export function go(route) {
  history.pushState(null, "", address(route));
  changed();
}

// Another detail of the same view: going back leaves the view, and does not step through selections.
export function amend(more) {
  history.replaceState(null, "", address({ ...parse(location.hash), ...more }));
  changed();
}

export function useRoute() {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    listeners.add(setRoute);
    return () => listeners.delete(setRoute);
  }, []);
  return route;
}
