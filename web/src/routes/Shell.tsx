import { ActionIcon, AppShell, Burger, Group, Menu, NavLink, ScrollArea, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconActivityHeartbeat,
  IconChartHistogram,
  IconCode,
  IconKey,
  IconListSearch,
  IconLogout,
  IconRobot,
  IconShieldLock,
  IconUserCircle,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api";
import { LanguageMenu, Logo, ThemeMenu } from "@/components";
import { saveLocale, signOut, useUser } from "@/features/accounts";
import { KeysBadge } from "@/features/keys";

const PAGES = [
  { to: "/bots", label: "nav.bots", icon: IconRobot },
  { to: "/provider-keys", label: "nav.keys", icon: IconKey },
  { to: "/usage", label: "nav.usage", icon: IconChartHistogram },
  { to: "/api-tokens", label: "nav.apiTokens", icon: IconCode },
  { to: "/audit", label: "nav.audit", icon: IconListSearch },
  { to: "/system", label: "nav.system", icon: IconActivityHeartbeat },
] as const;

function AccountMenu() {
  const { t } = useTranslation();
  const user = useUser();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("account.menu")}>
          <IconUserCircle size={20} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <div style={{ padding: "6px 12px 8px" }}>
          <Text size="sm" fw={600} truncate>
            {user?.nickname || user?.email}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {user?.email}
            {user?.role === "admin" && ` · ${t("account.admin")}`}
          </Text>
        </div>
        <Menu.Divider />
        <Menu.Item
          component={Link}
          to="/account"
          leftSection={<IconShieldLock size={16} aria-hidden="true" />}
        >
          {t("nav.account")}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden="true" />} onClick={() => void signOut()}>
          {t("account.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export default function Shell() {
  const { t } = useTranslation();
  const [opened, { toggle, close }] = useDisclosure();
  const system = useQuery(systemQuery);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: !opened } }}
      padding={{ base: "md", sm: "xl" }}
    >
      <a className="skip-link" href="#main">
        {t("nav.skip")}
      </a>
      <AppShell.Header bg="var(--cbm-surface)">
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t("nav.menu")}
              aria-expanded={opened}
            />
            <Link
              to="/bots"
              aria-label={t("nav.home")}
              className="row-link"
              style={{ textDecoration: "none" }}
            >
              <Logo />
            </Link>
          </Group>
          <Group gap={4} wrap="nowrap">
            <LanguageMenu onChosen={saveLocale} />
            <ThemeMenu />
            <AccountMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" bg="var(--cbm-surface)" aria-label={t("nav.label")}>
        <AppShell.Section grow component={ScrollArea}>
          {PAGES.map(({ to, label, icon: Icon }) => (
            <NavLink
              key={to}
              component={Link}
              to={to}
              activeProps={{ "data-active": true }}
              label={t(label)}
              leftSection={<Icon size={18} stroke={1.7} aria-hidden="true" />}
              rightSection={to === "/provider-keys" && <KeysBadge />}
              onClick={close}
              className="nav-item"
            />
          ))}
        </AppShell.Section>
        <AppShell.Section px="sm" py="xs">
          <Text size="xs" c="dimmed">
            {system.data ? t("nav.version", { version: system.data.version }) : " "}
          </Text>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: "none" }}>
        <div style={{ maxWidth: 1200, margin: "0 auto" }}>
          <Outlet />
        </div>
      </AppShell.Main>
    </AppShell>
  );
}
