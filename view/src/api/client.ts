import type {
  Consolidation,
  Conversation,
  ForgetRequest,
  Forgetting,
  Goal,
  GoalState,
  Graph,
  Hit,
  Memory,
  MindState,
  Model,
  Pattern,
  Replicas,
  SelfLayer,
  WholeConversation,
} from "./types";

/** What the service answered where it did not do what was asked. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface GraphQuery {
  readonly q?: string;
  readonly center?: string;
  readonly depth?: number;
  readonly limit?: number;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** The service's API with one key, in one space. */
export class Client {
  constructor(
    private readonly key: string,
    readonly space: string,
  ) {}

  /** Fails where the key is not good; needs no memory and no role but some. */
  async check(): Promise<void> {
    await this.models().catch(async (error: unknown) => {
      if (!(error instanceof ApiError) || error.status !== 403) throw error;
      await this.replicas();
    });
  }

  graph(query: GraphQuery): Promise<Graph> {
    return this.get("/echo/graph", { ...query });
  }

  memory(id: string): Promise<Memory> {
    return this.get(`/echo/memories/${encodeURIComponent(id)}`);
  }

  async search(query: string, limit: number): Promise<readonly Hit[]> {
    return (await this.send<{ hits: readonly Hit[] }>("POST", "/echo/memories/search", { query, limit })).hits;
  }

  async patterns(limit: number): Promise<readonly Pattern[]> {
    return (await this.get<{ patterns: readonly Pattern[] }>("/echo/patterns", { limit })).patterns;
  }

  state(): Promise<MindState> {
    return this.get("/echo/state");
  }

  async history(since: string | undefined, points: number): Promise<readonly MindState[]> {
    return (await this.get<{ points: readonly MindState[] }>("/echo/state/history", { since, points })).points;
  }

  async self(): Promise<readonly SelfLayer[]> {
    return (await this.get<{ layers: readonly SelfLayer[] }>("/echo/self")).layers;
  }

  async goals(): Promise<readonly Goal[]> {
    return (await this.get<{ goals: readonly Goal[] }>("/echo/goals")).goals;
  }

  addGoal(text: string, priority: number): Promise<Goal> {
    return this.send("POST", "/echo/goals", { text, priority });
  }

  changeGoal(id: string, change: { state?: GoalState; progress?: number }): Promise<Goal> {
    return this.send("PATCH", `/echo/goals/${encodeURIComponent(id)}`, change);
  }

  consolidate(dryRun: boolean): Promise<Consolidation> {
    return this.send("POST", "/echo/consolidate", { dryRun });
  }

  forget(request: ForgetRequest): Promise<Forgetting> {
    return this.send("POST", "/echo/forget", request);
  }

  conversations(
    limit: number,
    cursor: string | undefined,
  ): Promise<{ conversations: readonly Conversation[]; next: string | null }> {
    return this.get("/echo/conversations", { limit, cursor });
  }

  conversation(id: string): Promise<WholeConversation> {
    return this.get(`/echo/conversations/${encodeURIComponent(id)}`);
  }

  /** Says whether an answer was good (1) or bad (-1). */
  async judge(conversation: string, turn: number, value: number): Promise<void> {
    await this.send("POST", "/echo/feedback", { conversation, turn, value });
  }

  replicas(): Promise<Replicas> {
    return this.get("/admin/replicas");
  }

  async models(): Promise<readonly Model[]> {
    return (await this.get<{ models: readonly Model[] }>("/api/tags")).models;
  }

  /** Opens the events of the space; the key goes as a subprotocol, since a browser can set no header here. */
  events(): WebSocket {
    const url = new URL("/echo/events", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.space) url.searchParams.set("space", this.space);
    return new WebSocket(url, ["echorator", `echorator.key.${this.key}`]);
  }

  private get<T>(path: string, query: Query = {}): Promise<T> {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== "") words.set(name, String(value));
    }
    const text = words.toString();
    return this.send("GET", text ? `${path}?${text}` : path);
  }

  private async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.key}` };
    if (this.space) headers["x-echo-space"] = this.space;
    const request: RequestInit = { method, headers, cache: "no-store", credentials: "omit" };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    let answer: Response;
    try {
      answer = await fetch(path, request);
    } catch {
      throw new ApiError(0, "unreachable", "The service does not answer. Is the port still forwarded?");
    }
    if (!answer.ok) throw await refusal(answer);
    return (await answer.json()) as T;
  }
}

interface Refused {
  readonly code?: string;
  readonly message?: string;
  readonly faults?: readonly { readonly where: string; readonly problem: string }[];
}

async function refusal(answer: Response): Promise<ApiError> {
  let found: unknown;
  try {
    found = await answer.json();
  } catch {
    return new ApiError(answer.status, "unknown", `${answer.status} ${answer.statusText}`);
  }
  const error = (found as { error?: unknown }).error;
  if (typeof error === "string") return new ApiError(answer.status, "refused", error);
  const { code, message, faults } = (error ?? {}) as Refused;
  const more = faults?.map(({ where, problem }) => `${where}: ${problem}`).join("; ");
  const text = message ?? `${answer.status} ${answer.statusText}`;
  return new ApiError(answer.status, code ?? "unknown", more ? `${text}: ${more}` : text);
}
