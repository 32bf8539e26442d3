// Questions to the server, with the token of this tab.

const KEY = "cc-otel-token";

// The token comes once in the address, and leaves it before anything else happens.
export function takeToken() {
  const given = new URLSearchParams(location.search).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.hash);
  }
}

export const token = () => sessionStorage.getItem(KEY) ?? "";
export const setToken = (given) => sessionStorage.setItem(KEY, given);

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one != null && one !== "") query.append(name, one);
  }
  const address = query.size ? `${path}?${query}` : path;
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token()}` } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, body.error ?? `the server answered ${answer.status}`);
  return body;
}
