import { ActionIcon, Code, Group } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useTip } from './tip.tsx';

/** Up to this many characters are never broken into lines: a short id stays whole in a narrow column. */
const shortLength = 20;

/** Text such as an id, with a copy button. */
export function Copyable({ text, block = false }: { text: string; block?: boolean }) {
  return (
    <Group gap={4} wrap="nowrap" align={block ? 'start' : 'center'} style={{ minWidth: 0 }}>
      <Code
        block={block}
        style={{
          overflowWrap: 'anywhere',
          whiteSpace: block ? 'pre-wrap' : text.length <= shortLength ? 'nowrap' : undefined,
          flexGrow: block ? 1 : undefined,
        }}
      >
        {text}
      </Code>
      <CopyIcon text={text} />
    </Group>
  );
}

/** Only the copy button, for text that is a link or part of a sentence. */
export function CopyIcon({ text }: { text: string }) {
  const what = text.length > 60 ? 'this' : text;
  const { copied, copy } = useClipboard({ timeout: 1500 });
  const { events, tip } = useTip(copied ? 'Copied' : 'Copy');
  return (
    <>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={copied ? 'Copied' : `Copy ${what}`}
        onClick={(event) => {
          event.stopPropagation();
          copy(text);
        }}
        {...events}
      >
        {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
      </ActionIcon>
      {tip}
    </>
  );
}
