import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Loaded<T> {
  readonly value: T | undefined;
  readonly error: Error | undefined;
  readonly again: () => void;
}

/** Loads something now, when `what` changes and, while the page is seen, every `everyMs`. */
export function useLoad<T>(load: () => Promise<T>, what: readonly unknown[], everyMs?: number): Loaded<T> {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<Error>();
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const again = useCallback(() => setRound((one) => one + 1), []);

  useEffect(() => {
    let gone = false;
    latest.current().then(
      (found) => {
        if (gone) return;
        setValue(() => found);
        setError(undefined);
      },
      (failure: unknown) => {
        if (!gone) setError(failure instanceof Error ? failure : new Error(String(failure)));
      },
    );
    return () => {
      gone = true;
    };
  }, [...what, round]);

  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") again();
    }, everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs, again]);

  return { value, error, again };
}
