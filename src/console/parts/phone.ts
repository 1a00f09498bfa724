import { useMediaQuery } from '@mantine/hooks';

/** Whether the screen is as narrow as a phone: what is done to a row then stands in its first cell. */
export const useIsPhone = () =>
  useMediaQuery('(max-width: 48em)', undefined, { getInitialValueInEffect: false });
