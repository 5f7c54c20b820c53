import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Client } from "./api/client";
import type { Session } from "./session";
import { Problem } from "./ui/parts";

/** Asks for a key and tries it before it is kept. */
export function SignIn(props: { readonly onSession: (session: Session) => void }): JSX.Element {
  const [key, setKey] = useState("");
  const [space, setSpace] = useState("");
  const [error, setError] = useState<Error>();

  const enter = async (): Promise<void> => {
    const session = { key: key.trim(), space: space.trim() };
    try {
      await new Client(session.key, "").check();
      props.onSession(session);
    } catch (failure) {
      setError(failure as Error);
    }
  };

  return (
    <main class="sign-in">
      <h1>Echorator</h1>
      <form
        class="form panel"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <label class="field">
          Key
          <input
            type="password"
            autocomplete="off"
            autofocus
            required
            placeholder="ek-…"
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          Memory space
          <input
            placeholder="the key's own"
            autocomplete="off"
            spellcheck={false}
            value={space}
            onInput={(event) => setSpace(event.currentTarget.value)}
          />
        </label>
        <Problem error={error} />
        <p class="row">
          <button type="submit">Look</button>
        </p>
        <p class="faint">
          The key stays in this tab and is gone when it is closed. <code>make view</code> tells how to get one.
        </p>
      </form>
    </main>
  );
}
