import { Button, Group, Text } from "@mantine/core";
import { useInViewport } from "@mantine/hooks";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

type Props = {
  query: {
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    isError: boolean;
    fetchNextPage: () => unknown;
  };
  loaded: number;
  total: number | undefined;
};

/** Loads the next page when it comes into sight; the button is for those who do not scroll, and after a failure. */
export function MoreBots({ query, loaded, total }: Props) {
  const { t } = useTranslation();
  const { ref, inViewport } = useInViewport<HTMLDivElement>();
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = query;

  useEffect(() => {
    if (inViewport && hasNextPage && !isFetchingNextPage && !isError) fetchNextPage();
  }, [inViewport, hasNextPage, isFetchingNextPage, isError, fetchNextPage]);

  if (!hasNextPage) return null;
  return (
    <Group ref={ref} justify="center" mt="md" gap="md">
      <Text size="sm" c="dimmed">
        {total === undefined
          ? t("paging.shown", { count: loaded })
          : t("bots.loadedOf", { loaded, total: Math.max(total, loaded) })}
      </Text>
      <Button variant="default" loading={isFetchingNextPage} onClick={() => fetchNextPage()}>
        {t("paging.more")}
      </Button>
    </Group>
  );
}
