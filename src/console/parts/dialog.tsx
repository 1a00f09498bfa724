import { Button, type ButtonProps, Group, Modal, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type ReactNode, useEffect } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { Failure } from './answer.tsx';
import { useRefusal } from './permission.tsx';

interface Changing {
  isPending: boolean;
  error: Error | null;
  reset: () => void;
}

/** Returns the focus to the button, or to the page if the button is gone. */
function keepFocus(): void {
  setTimeout(() => {
    if (document.activeElement === document.body)
      document.getElementById('content')?.focus({ preventScroll: true });
  }, 300);
}

/** The title and the close button. The library's own has the role "banner", which belongs to the page. */
export const DialogHead = ({ title }: { title: string }) => (
  <Group justify="space-between" wrap="nowrap" align="start" p="md" pb={0}>
    <Modal.Title fw={600} style={{ overflowWrap: 'anywhere' }}>
      {title}
    </Modal.Title>
    <Modal.CloseButton aria-label="Close" />
  </Group>
);

interface Form {
  title: string;
  submit: string;
  change: Changing;
  /** Submits; resolves when done. */
  onSubmit: () => Promise<unknown>;
  danger?: boolean;
  /** Whether the submit button is disabled. */
  blocked?: boolean;
  /** The label of the cancel button. */
  keep?: string;
  children: ReactNode;
}

/**
 * A dialog with a form for one action. It says what will happen, stays open with the error on failure,
 * and closes on success.
 */
export function FormDialog(props: Form & { opened: boolean; onClose: () => void }) {
  const {
    opened,
    onClose,
    title,
    submit,
    change,
    onSubmit,
    danger = false,
    blocked,
    keep = 'Cancel',
    children,
  } = props;
  const refusal = useRefusal();
  useEffect(() => (opened ? keepFocus : undefined), [opened]);
  return (
    <Modal.Root opened={opened} onClose={onClose}>
      <Modal.Overlay />
      <Modal.Content>
        <DialogHead title={title} />
        <Modal.Body pt="sm">
          <form
            onSubmit={(event) => {
              event.preventDefault();
              onSubmit().then(onClose, () => undefined);
            }}
          >
            <Stack>
              {children}
              <Failure error={change.error} />
              <Group justify="end">
                <Button variant="default" onClick={onClose}>
                  {keep}
                </Button>
                <Button
                  type="submit"
                  loading={change.isPending}
                  disabled={blocked || refusal !== null}
                  title={refusal ?? undefined}
                  color={danger ? 'red.9' : undefined}
                  data-autofocus={danger || undefined}
                >
                  {submit}
                </Button>
              </Group>
            </Stack>
          </form>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** A button that opens a form dialog. */
export function DialogButton(
  props: Form & {
    label: string;
    /** The subject, for screen readers: buttons of several rows have the same label. */
    about?: string;
    onOpen?: () => void;
    button?: ButtonProps;
    /** It opens by itself when the address of the page has this fragment. */
    fragment?: string | undefined;
  },
) {
  const { label, about, onOpen, button, fragment, ...form } = props;
  const [opened, { open, close }] = useDisclosure();
  const { hash, pathname, search, key } = useLocation();
  const navigate = useNavigate();
  const refusal = useRefusal();
  const isAsked = fragment !== undefined && refusal === null && hash === `#${fragment}`;
  const start = () => {
    form.change.reset();
    onOpen?.();
    open();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: following the same link again opens it again
  useEffect(() => {
    if (!isAsked) return;
    navigate({ pathname, search }, { replace: true });
    start();
  }, [isAsked, key]);
  return (
    <>
      <Button
        {...button}
        disabled={button?.disabled || refusal !== null}
        title={refusal ?? undefined}
        aria-label={about === undefined ? undefined : `${label}: ${about}`}
        onClick={start}
      >
        {label}
      </Button>
      <FormDialog {...form} opened={opened} onClose={close} />
    </>
  );
}
