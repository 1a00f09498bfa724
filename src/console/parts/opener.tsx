import { Button, type ButtonProps } from '@mantine/core';
import { type ReactNode, Suspense, useRef, useState } from 'react';
import { useRefusal } from './permission.tsx';

/** What a dialog gets from whatever opens it. */
export interface Opened {
  opened: boolean;
  onClose: () => void;
}

/**
 * Whether a dialog is open. It is loaded when it opens for the first time, and begins anew each time.
 *
 * @param dialog the dialog; usually a lazy component
 */
export function useDialog(dialog: (given: Opened) => ReactNode) {
  const [{ opened, times }, setState] = useState({ opened: false, times: 0 });
  const opener = useRef<Element | null>(null);
  const onClose = () => {
    setState({ opened: false, times });
    // A dialog that is loaded late does not know what had the focus.
    setTimeout(
      () => opener.current instanceof HTMLElement && opener.current.focus({ preventScroll: true }),
      20,
    );
  };
  return {
    /** Opens it. The focus returns to `from` afterwards, or to what has it now. */
    open: (from?: HTMLElement | null) => {
      opener.current = from ?? document.activeElement;
      setState({ opened: true, times: times + 1 });
    },
    shown: times > 0 && (
      <Suspense key={times} fallback={null}>
        {dialog({ opened, onClose })}
      </Suspense>
    ),
  };
}

/** A button that opens a dialog. */
export function OpenButton(props: {
  label: string;
  /** The subject, for screen readers: buttons of several rows have the same label. */
  about?: string;
  button?: ButtonProps;
  dialog: (given: Opened) => ReactNode;
}) {
  const { label, about, button, dialog } = props;
  const { open, shown } = useDialog(dialog);
  const refusal = useRefusal();
  return (
    <>
      <Button
        {...button}
        disabled={button?.disabled || refusal !== null}
        title={refusal ?? undefined}
        aria-label={about === undefined ? undefined : `${label}: ${about}`}
        onClick={() => open()}
      >
        {label}
      </Button>
      {shown}
    </>
  );
}
