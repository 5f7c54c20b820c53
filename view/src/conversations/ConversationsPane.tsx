import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Client } from "../api/client";
import type { Conversation, Turn } from "../api/types";
import { ago, moment } from "../ui/format";
import { useLoad } from "../ui/load";
import { Panel, Problem } from "../ui/parts";
import { TurnView } from "./TurnView";

const PAGE = 50;

export function ConversationsPane(props: {
  readonly client: Client;
  readonly changes: number;
  readonly onMemory: (id: string) => void;
}): JSX.Element {
  const { client, changes } = props;
  const [chosen, setChosen] = useState<string>();
  const first = useLoad(() => client.conversations(PAGE, undefined), [client, changes]);
  const [more, setMore] = useState<readonly Conversation[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<Error>();

  useEffect(() => {
    setMore([]);
    setNext(first.value?.next ?? null);
  }, [first.value]);

  const load = async (): Promise<void> => {
    try {
      const page = await client.conversations(PAGE, next ?? undefined);
      setMore([...more, ...page.conversations]);
      setNext(page.next);
    } catch (failure) {
      setError(failure as Error);
    }
  };

  const all = [...(first.value?.conversations ?? []), ...more];
  return (
    <div class="columns talk">
      <Panel title="Conversations">
        <Problem error={first.error ?? error} />
        {first.value !== undefined && all.length === 0 && <p class="faint">No conversations are kept in this space.</p>}
        <ul class="list">
          {all.map((one) => (
            <li key={one.id}>
              <button type="button" aria-pressed={one.id === chosen} onClick={() => setChosen(one.id)}>
                <span class="clip">{one.title || one.id}</span>
                <span class="faint">
                  {whose(one.owner)} · {one.model} · {one.turns} turns · {ago(one.updated)}
                </span>
              </button>
            </li>
          ))}
        </ul>
        {next && (
          <button type="button" onClick={() => void load()}>
            More
          </button>
        )}
      </Panel>
      {chosen !== undefined && <Whole {...props} id={chosen} />}
    </div>
  );
}

function Whole(props: {
  readonly client: Client;
  readonly id: string;
  readonly changes: number;
  readonly onMemory: (id: string) => void;
}): JSX.Element {
  const [judged, setJudged] = useState(0);
  const [refused, setRefused] = useState<Error>();
  const { value, error } = useLoad(
    () => props.client.conversation(props.id),
    [props.client, props.id, props.changes, judged],
  );
  useEffect(() => setRefused(undefined), [props.id]);

  const judge = async (turn: Turn, good: boolean): Promise<void> => {
    try {
      await props.client.judge(props.id, turn.number, good ? 1 : -1);
      setRefused(undefined);
      setJudged(judged + 1);
    } catch (failure) {
      setRefused(failure as Error);
    }
  };

  return (
    <Panel title={value?.title || "Conversation"}>
      <Problem error={error ?? refused} />
      {value !== undefined && (
        <>
          <p class="faint">
            {whose(value.owner)} · {value.model} · {moment(value.started)} to {moment(value.updated)}
          </p>
          <ol class="turns">
            {value.turns.map((turn, place) => (
              <TurnView key={place} turn={turn} onMemory={props.onMemory} onJudge={(good) => void judge(turn, good)} />
            ))}
          </ol>
        </>
      )}
    </Panel>
  );
}

/** The key that a conversation belongs to: one that was kept before they had owners is nobody's. */
function whose(owner: string): string {
  return owner || "nobody";
}
