import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Client } from "../api/client";
import type { GoalState } from "../api/types";
import { useLoad } from "../ui/load";
import { Bar, Panel, Problem } from "../ui/parts";

const MIDDLE = 0.5;

export function Goals(props: { readonly client: Client; readonly changes: number }): JSX.Element {
  const { client } = props;
  const goals = useLoad(() => client.goals(), [client, props.changes]);
  const [text, setText] = useState("");
  const [priority, setPriority] = useState(MIDDLE);
  const [error, setError] = useState<Error>();

  const doing = async (work: Promise<unknown>): Promise<boolean> => {
    try {
      await work;
      setError(undefined);
      goals.again();
      return true;
    } catch (failure) {
      setError(failure as Error);
      return false;
    }
  };
  const state = (id: string, to: GoalState) => () => void doing(client.changeGoal(id, { state: to }));

  return (
    <Panel title="Goals">
      <Problem error={error ?? goals.error} />
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void doing(client.addGoal(text.trim(), priority)).then((good) => good && setText(""));
        }}
      >
        <label class="field">
          New goal
          <input value={text} maxLength={500} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <label class="field">
          Priority {priority.toFixed(1)}
          <input
            type="range"
            min={0}
            max={1}
            step={0.1}
            value={priority}
            onInput={(event) => setPriority(Number(event.currentTarget.value))}
          />
        </label>
        <p class="row">
          <button type="submit" disabled={text.trim() === ""}>
            Add goal
          </button>
        </p>
      </form>
      <ul class="goals">
        {goals.value?.length === 0 && <li class="faint">No goals.</li>}
        {goals.value?.map((goal) => (
          <li key={goal.id} class={`goal ${goal.state}`}>
            <span class="goal-text">{goal.text}</span>
            <span class="faint">
              {goal.state} · priority {goal.priority.toFixed(1)}
            </span>
            <Bar value={goal.progress} label={`Progress of ${goal.text}`} />
            <span class="row">
              {goal.state === "open" ? (
                <>
                  <button type="button" onClick={state(goal.id, "done")}>
                    Done
                  </button>
                  <button type="button" onClick={state(goal.id, "dropped")}>
                    Drop
                  </button>
                </>
              ) : (
                <button type="button" onClick={state(goal.id, "open")}>
                  Reopen
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
