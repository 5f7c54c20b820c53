import type { JSX } from "preact";

import type { Turn } from "../api/types";
import { moment, number } from "../ui/format";

/** What was said, which memories came to mind for it, and whether an answer was good. */
export function TurnView(props: {
  readonly turn: Turn;
  readonly onMemory: (id: string) => void;
  readonly onJudge: (good: boolean) => void;
}): JSX.Element {
  const { turn } = props;
  return (
    <li class={`turn ${turn.role}`}>
      <p class="faint">
        {turn.role} · {moment(turn.at)}
      </p>
      <p class="content">{turn.content}</p>
      {turn.role === "assistant" && (
        <p class="row" role="group" aria-label="This answer was">
          <button type="button" aria-pressed={(turn.judged ?? 0) > 0} onClick={() => props.onJudge(true)}>
            Good
          </button>
          <button type="button" aria-pressed={(turn.judged ?? 0) < 0} onClick={() => props.onJudge(false)}>
            Bad
          </button>
        </p>
      )}
      {turn.recalled.length > 0 && (
        <details class="recalled" open>
          <summary>Recalled {turn.recalled.length}</summary>
          <ul>
            {turn.recalled.map((one) => (
              <li key={one.id}>
                <button type="button" class="link" onClick={() => props.onMemory(one.id)}>
                  {one.excerpt ?? `${one.id.slice(0, 8)}, forgotten since`}
                </button>
                <span class="faint">
                  {" "}
                  {number(one.score)} · {one.why.join(", ")}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}
