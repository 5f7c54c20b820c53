import type { JSX } from "preact";

import type { Client } from "../api/client";
import { Consolidate } from "./Consolidate";
import { ForgetForm } from "./ForgetForm";
import { Goals } from "./Goals";

export function ActionsPane(props: {
  readonly client: Client;
  readonly changes: number;
  readonly onChanged: () => void;
}): JSX.Element {
  return (
    <div class="columns">
      <Goals client={props.client} changes={props.changes} />
      <div>
        <Consolidate client={props.client} onDone={props.onChanged} />
        <ForgetForm client={props.client} onDone={props.onChanged} />
      </div>
    </div>
  );
}
