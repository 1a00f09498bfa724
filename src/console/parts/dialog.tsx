import { Button, type ButtonProps, Group, Modal, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type ReactNode, useEffect } from 'react';
import { Failure } from './answer.tsx';

interface Changing {
  isPending: boolean;
  error: Error | null;
  reset: () => void;
}

/** The focus goes back to the button; where what was done has removed it, to the page. */
function keepFocus(): void {
  setTimeout(() => {
    if (document.activeElement === document.body)
      document.getElementById('content')?.focus({ preventScroll: true });
  }, 300);
}

/** The title of a dialog, and the way out of it at the top right. Not the library's, which says that it is the banner of the page. */
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
  /** Does it; resolves when it is done. */
  onSubmit: () => Promise<unknown>;
  danger?: boolean;
  /** Whether something must be filled in first. */
  blocked?: boolean;
  /** What the button that does nothing is called. */
  keep?: string;
  children: ReactNode;
}

/**
 * A dialog whose form does one thing. It says what will happen before, stays open with the reason when it did not,
 * and closes when it did.
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
                  disabled={blocked}
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

/** A button that opens such a dialog. */
export function DialogButton(
  props: Form & {
    label: string;
    /** What it is about, for those who hear the button without seeing where it stands. */
    about?: string;
    onOpen?: () => void;
    button?: ButtonProps;
  },
) {
  const { label, about, onOpen, button, ...form } = props;
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button
        {...button}
        aria-label={about === undefined ? undefined : `${label}: ${about}`}
        onClick={() => {
          form.change.reset();
          onOpen?.();
          open();
        }}
      >
        {label}
      </Button>
      <FormDialog {...form} opened={opened} onClose={close} />
    </>
  );
}
