import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";

import { ActionsPane } from "./actions/ActionsPane";
import { Client } from "./api/client";
import { follow, type Connection } from "./api/live";
import { ConversationsPane } from "./conversations/ConversationsPane";
import { GraphPane } from "./graph/GraphPane";
import { GraphStore } from "./graph/store";
import { ModelsPane } from "./models/ModelsPane";
import { go, PAGES, useRoute, type Page } from "./route";
import { applyTheme, load, save, theme, type Session, type Theme } from "./session";
import { SignIn } from "./SignIn";
import { StatePane } from "./state/StatePane";

const TITLES: Readonly<Record<Page, string>> = {
  memory: "Memory",
  state: "State",
  conversations: "Conversations",
  models: "Models",
  actions: "Actions",
};
const GATHER_MS = 1_500;
const CONNECTIONS: Readonly<Record<Connection, string>> = {
  connecting: "connecting",
  live: "live",
  off: "not live",
};

export function App(): JSX.Element {
  const [session, setSession] = useState<Session | null>(load);
  const keep = (found: Session | null): void => {
    save(found);
    setSession(found);
  };
  if (session === null) return <SignIn onSession={keep} />;
  return <Shell key={`${session.key} ${session.space}`} session={session} onLeave={() => keep(null)} />;
}

function Shell(props: { readonly session: Session; readonly onLeave: () => void }): JSX.Element {
  const { session } = props;
  const route = useRoute();
  const client = useMemo(() => new Client(session.key, session.space), [session]);
  const store = useMemo(() => new GraphStore(client), [client]);
  const [connection, setConnection] = useState<Connection>("connecting");
  const [changes, changed] = useChanges();
  useEffect(
    () => follow(client, ({ type }) => type !== "quiet" && changed(), setConnection),
    [client, changed],
  );
  useShortcuts();
  const onMemory = useCallback((id: string) => go("memory", id), []);
  const onSelect = useCallback((id: string | null) => go("memory", id), []);

  return (
    <>
      <header class="top">
        <a class="skip" href="#main" onClick={(event) => focusMain(event)}>
          Skip to the page
        </a>
        <strong class="brand">Echorator</strong>
        <nav aria-label="Pages">
          {PAGES.map((page, place) => (
            <a
              key={page}
              href={`#/${page}`}
              aria-current={route.page === page ? "page" : undefined}
              title={`Key ${place + 1}`}
            >
              {TITLES[page]}
            </a>
          ))}
        </nav>
        <span class={`badge ${connection}`} role="status">
          {CONNECTIONS[connection]}
        </span>
        <span class="faint">{session.space || "own space"}</span>
        <ThemeChoice />
        <button type="button" onClick={props.onLeave}>
          Leave
        </button>
      </header>
      <main id="main" tabIndex={-1} class={route.page === "memory" ? "wide" : ""}>
        <h1 class="hidden">{TITLES[route.page]}</h1>
        {route.page === "memory" && (
          <GraphPane client={client} store={store} selected={route.id} onSelect={onSelect} changes={changes} />
        )}
        {route.page === "state" && <StatePane client={client} changes={changes} onMemory={onMemory} />}
        {route.page === "conversations" && <ConversationsPane client={client} changes={changes} onMemory={onMemory} />}
        {route.page === "models" && <ModelsPane client={client} />}
        {route.page === "actions" && <ActionsPane client={client} changes={changes} onChanged={changed} />}
      </main>
    </>
  );
}

/** A count that grows with events, gathered so that a burst of them loads once. */
function useChanges(): readonly [number, () => void] {
  const [changes, setChanges] = useState(0);
  const timer = useRef<number | undefined>(undefined);
  const changed = useCallback(() => {
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      setChanges((one) => one + 1);
    }, GATHER_MS);
  }, []);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  return [changes, changed];
}

/** 1 to 5 go to the pages, / to the search. */
function useShortcuts(): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest("input, select, textarea, dialog")) return;
      const page = PAGES[Number(event.key) - 1];
      if (page !== undefined) go(page);
      if (event.key === "/") {
        event.preventDefault();
        document.getElementById("search")?.focus();
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

function ThemeChoice(): JSX.Element {
  const [chosen, setChosen] = useState<Theme>(theme);
  return (
    <select
      aria-label="Theme"
      value={chosen}
      onChange={(event) => {
        const next = event.currentTarget.value as Theme;
        applyTheme(next);
        setChosen(next);
      }}
    >
      <option value="auto">auto</option>
      <option value="light">light</option>
      <option value="dark">dark</option>
    </select>
  );
}

function focusMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
