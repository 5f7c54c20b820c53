/** What the service answers under /echo and /admin. A number that it does not measure is null. */

export type MemoryKind = "episodic" | "semantic" | "procedural" | "autobiographical";
export type EdgeKind =
  | "is_a"
  | "part_of"
  | "causes"
  | "enables"
  | "contradicts"
  | "similar_to"
  | "leads_to"
  | "requires"
  | "follows";

export const MEMORY_KINDS: readonly MemoryKind[] = ["episodic", "semantic", "procedural", "autobiographical"];
export const EDGE_KINDS: readonly EdgeKind[] = [
  "is_a",
  "part_of",
  "causes",
  "enables",
  "contradicts",
  "similar_to",
  "leads_to",
  "requires",
  "follows",
];

export interface GraphNode {
  readonly id: string;
  readonly kind: MemoryKind;
  readonly label: string;
  readonly importance: number;
  readonly strength: number;
  readonly valence: number;
  readonly arousal: number;
  readonly created: string;
  readonly tier: string;
}

export interface GraphEdge {
  readonly source: string;
  readonly target: string;
  readonly type: EdgeKind;
  readonly weight: number;
  readonly created: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly truncated: boolean;
}

export interface Emotion {
  readonly valence: number;
  readonly arousal: number;
  readonly dominance: number;
  readonly complexity: number;
}

export interface Memory {
  readonly id: string;
  readonly kind: MemoryKind;
  readonly content: string;
  readonly tier: string;
  readonly importance: number;
  readonly strength: number;
  readonly emotion: Emotion;
  readonly tags: readonly string[];
  readonly source: string;
  readonly at: string;
}

export interface Hit {
  readonly memory: Memory;
  readonly score: number;
  readonly why: readonly string[];
}

export interface Pattern {
  readonly id: string;
  readonly type: string;
  readonly tier: string;
  readonly label: string;
  readonly strength: number;
  readonly frequency: number;
  readonly confidence: number;
  readonly updated: string;
}

export interface MindState {
  readonly at: string;
  readonly emotion: Emotion | null;
  readonly coherence: number | null;
  readonly resonance: number | null;
  readonly load: number | null;
  readonly learning: {
    readonly rate: number | null;
    /** Of answers, by those who judged them, -1 to 1. */
    readonly quality: number | null;
    readonly experiences: number;
    readonly patterns: number;
  };
  readonly memories: Readonly<Record<string, number>>;
}

export interface Claim {
  readonly text: string;
  readonly confidence: number;
  readonly evidence: readonly string[];
}

export interface SelfLayer {
  readonly name: string;
  readonly claims: readonly Claim[];
}

export type GoalState = "open" | "done" | "dropped";

export interface Goal {
  readonly id: string;
  readonly text: string;
  readonly priority: number;
  readonly progress: number;
  readonly state: GoalState;
  readonly created: string;
  readonly updated: string;
}

export interface Consolidation {
  readonly dryRun: boolean;
  readonly examined: number;
  /** Tier to how many came to it. */
  readonly moved: Readonly<Record<string, number>>;
  readonly merged: number;
  readonly patterns: number;
  readonly linked: number;
  readonly contradictions: readonly { readonly older: string; readonly newer: string }[];
}

export interface ForgetRequest {
  readonly dryRun: boolean;
  readonly olderThan?: string;
  readonly kinds?: readonly MemoryKind[];
  readonly tags?: readonly string[];
  readonly ids?: readonly string[];
  readonly hard?: boolean;
}

export interface Forgetting {
  readonly dryRun: boolean;
  readonly forgotten: readonly { readonly id: string; readonly why: string }[];
  /** Whether a repeat finds further ones. */
  readonly more: boolean;
}

export interface Conversation {
  readonly id: string;
  readonly title: string;
  readonly model: string;
  /** Whose it is; empty is nobody. */
  readonly owner: string;
  readonly turns: number;
  readonly started: string;
  readonly updated: string;
}

export interface Recalled {
  readonly id: string;
  readonly why: readonly string[];
  readonly score: number;
  readonly excerpt: string | null;
}

export interface Turn {
  readonly number: number;
  readonly role: string;
  readonly content: string;
  readonly at: string;
  readonly recalled: readonly Recalled[];
  /** What was said of an answer, -1 to 1. */
  readonly judged: number | null;
}

export interface WholeConversation extends Omit<Conversation, "turns"> {
  readonly turns: readonly Turn[];
}

export interface Replica {
  readonly server: string;
  readonly name: string;
  readonly up: boolean;
  readonly leaving: boolean;
  readonly version: string | null;
  readonly slots: number;
  readonly running: number;
  readonly others: number;
  readonly models: readonly { readonly name: string; readonly digest: string }[];
}

export interface Replicas {
  readonly waiting: number;
  readonly replicas: readonly Replica[];
}

export interface Model {
  readonly name: string;
  readonly size: number;
  readonly digest: string;
  readonly modified_at: string;
  readonly details?: {
    readonly family?: string;
    readonly parameter_size?: string;
    readonly quantization_level?: string;
  };
}

/** "quiet" is said when nothing happened for a while. */
export interface EchoEvent {
  readonly type: string;
  readonly at?: string;
}
