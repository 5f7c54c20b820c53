import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { ApiError } from "../api/client";

export function Problem({ error }: { readonly error: Error | undefined }): JSX.Element | null {
  if (error === undefined) return null;
  const hint =
    error instanceof ApiError && error.status === 403
      ? " This key may not do that; another one may."
      : error instanceof ApiError && error.status === 404
        ? " The service may have no memory: see its settings."
        : "";
  return (
    <p class="problem" role="alert">
      {error.message}
      {hint}
    </p>
  );
}

export function Panel(props: {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly actions?: ComponentChildren;
}): JSX.Element {
  return (
    <section class="panel" aria-label={props.title}>
      <header class="panel-head">
        <h2>{props.title}</h2>
        {props.actions}
      </header>
      {props.children}
    </section>
  );
}

export function Bar(props: { readonly value: number; readonly label: string }): JSX.Element {
  const percent = Math.round(Math.max(0, Math.min(1, props.value)) * 100);
  return <meter class="bar" min={0} max={100} value={percent} aria-label={props.label} />;
}

/** A question that the page stands still for; Escape says no. */
export function Dialog(props: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog ref={element} class="dialog" onClose={props.onClose} aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.children}
    </dialog>
  );
}
