import type { Client } from "./client";
import type { EchoEvent } from "./types";

export type Connection = "connecting" | "live" | "off";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** Follows the events of a space; connects again by itself, ever more slowly. Returns what ends it. */
export function follow(
  client: Client,
  onEvent: (event: EchoEvent) => void,
  onConnection: (connection: Connection) => void,
): () => void {
  let socket: WebSocket | undefined;
  let timer: number | undefined;
  let wait = FIRST_WAIT_MS;
  let ended = false;

  const connect = (): void => {
    onConnection("connecting");
    socket = client.events();
    socket.onopen = () => {
      wait = FIRST_WAIT_MS;
      onConnection("live");
    };
    socket.onmessage = (message) => {
      try {
        onEvent(JSON.parse(String(message.data)) as EchoEvent);
      } catch {
        // A frame that is no JSON tells nothing that the next look would not.
      }
    };
    socket.onclose = () => {
      if (ended) return;
      onConnection("off");
      timer = window.setTimeout(connect, wait);
      wait = Math.min(LONGEST_WAIT_MS, wait * 2);
    };
  };
  connect();
  return () => {
    ended = true;
    window.clearTimeout(timer);
    socket?.close();
  };
}
