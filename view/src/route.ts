import { useEffect, useState } from "preact/hooks";

/** The pages; a memory can be named: `#/memory/<id>`. */
export const PAGES = ["memory", "state", "conversations", "models", "actions"] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  readonly page: Page;
  readonly id: string | null;
}

export function parse(hash: string): Route {
  const [, page, id] = /^#\/(\w+)(?:\/([\w-]+))?$/.exec(hash) ?? [];
  const known = PAGES.find((one) => one === page);
  return { page: known ?? "memory", id: known === "memory" ? (id ?? null) : null };
}

export const go = (page: Page, id: string | null = null): void => {
  location.hash = id === null ? `#/${page}` : `#/${page}/${id}`;
};

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = (): void => setRoute(parse(location.hash));
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}
