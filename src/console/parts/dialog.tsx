import { Button, type ButtonProps, Group, Modal, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { Failure } from './answer.tsx';

interface Changing {
  isPending: boolean;
  error: Error | null;
  reset: () => void;
}

/**
 * A button that opens a dialog; its form does one thing. The dialog says what will happen before, stays open
 * with the reason when it did not, and closes when it did.
 */
export function DialogButton(props: {
  label: string;
  title: string;
  submit: string;
  change: Changing;
  /** Does it; resolves when it is done. */
  onSubmit: () => Promise<unknown>;
  onOpen?: () => void;
  button?: ButtonProps;
  danger?: boolean;
  children: ReactNode;
}) {
  const { label, title, submit, change, onSubmit, onOpen, button, danger = false, children } = props;
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button
        {...button}
        onClick={() => {
          change.reset();
          onOpen?.();
          open();
        }}
      >
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
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
                Cancel
              </Button>
              <Button
                type="submit"
                loading={change.isPending}
                color={danger ? 'red.9' : undefined}
                data-autofocus={danger || undefined}
              >
                {submit}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
}
