/** Who looks, and at which space: kept for this tab alone, and gone with it. */

export interface Session {
  readonly key: string;
  readonly space: string;
}

const KEY = "echorator.session";
const THEME = "echorator.theme";

export function load(): Session | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Partial<Session> | null;
    return typeof found?.key === "string" ? { key: found.key, space: found.space ?? "" } : null;
  } catch {
    return null;
  }
}

export function save(session: Session | null): void {
  if (session === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify(session));
}

export type Theme = "auto" | "light" | "dark";

export function theme(): Theme {
  const found = localStorage.getItem(THEME);
  return found === "light" || found === "dark" ? found : "auto";
}

export function applyTheme(chosen: Theme): void {
  if (chosen === "auto") {
    localStorage.removeItem(THEME);
    delete document.documentElement.dataset["theme"];
  } else {
    localStorage.setItem(THEME, chosen);
    document.documentElement.dataset["theme"] = chosen;
  }
}
