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

/**
 * A button that opens a dialog; its form does one thing. The dialog says what will happen before, stays open
 * with the reason when it did not, and closes when it did.
 */
export function DialogButton(props: {
  label: string;
  /** What it is about, for those who hear the button without seeing where it stands. */
  about?: string;
  title: string;
  submit: string;
  change: Changing;
  /** Does it; resolves when it is done. */
  onSubmit: () => Promise<unknown>;
  onOpen?: () => void;
  button?: ButtonProps;
  danger?: boolean;
  /** Whether something must be filled in first. */
  blocked?: boolean;
  /** What the button that does nothing is called. */
  keep?: string;
  children: ReactNode;
}) {
  const {
    label,
    about,
    title,
    submit,
    change,
    onSubmit,
    onOpen,
    button,
    danger = false,
    blocked,
    keep = 'Cancel',
    children,
  } = props;
  const [opened, { open, close }] = useDisclosure();
  useEffect(() => (opened ? keepFocus : undefined), [opened]);
  return (
    <>
      <Button
        {...button}
        aria-label={about === undefined ? undefined : `${label}: ${about}`}
        onClick={() => {
          change.reset();
          onOpen?.();
          open();
        }}
      >
        {label}
      </Button>
      <Modal.Root opened={opened} onClose={close}>
        <Modal.Overlay />
        <Modal.Content>
          {/* Not the library's header, which says that it is the banner of the page. */}
          <Group justify="space-between" wrap="nowrap" align="start" p="md" pb={0}>
            <Modal.Title fw={600}>{title}</Modal.Title>
            <Modal.CloseButton aria-label="Close" />
          </Group>
          <Modal.Body pt="sm">
            <form
              onSubmit={(event) => {
                event.preventDefault();
                onSubmit().then(close, () => undefined);
              }}
            >
              <Stack>
                {children}
                <Failure error={change.error} />
                <Group justify="end">
                  <Button variant="default" onClick={close}>
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
    </>
  );
}
