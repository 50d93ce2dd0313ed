/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SR-IOV capability of an assigned PF, as the guest sees it
 *
 * The host's side is played by a vfio-user server (vfio-sriov-host.c), so that
 * neither an IOMMU nor a device nor root is needed.
 */

#include "qemu/osdep.h"

#include "hw/pci/pci.h"
#include "hw/pci/pci_regs.h"
#include "hw/pci/pcie_regs.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "vfio-sriov-host.h"

#define ECAM_BASE       0xb0000000ull
#define VF_BAR_ADDR     0xe0000000ull

/* The PF's function number on the root bus, and on the port's bus 1 */
#define ROOT_BUS_DEVFN  PCI_DEVFN(4, 0)
#define PF_BUS          1

typedef struct Guest {
    SriovHost *host;
    QTestState *qts;
    uint8_t bus;
    uint8_t pf;     /* devfn */
} Guest;

static uint64_t ecam(Guest *guest, uint8_t devfn, unsigned reg)
{
    return ECAM_BASE + (guest->bus << 20) + (devfn << 12) + reg;
}

static uint16_t cap_readw(Guest *guest, unsigned reg)
{
    return qtest_readw(guest->qts,
                       ecam(guest, guest->pf, SRIOV_HOST_SRIOV_CAP + reg));
}

static void cap_writew(Guest *guest, unsigned reg, uint16_t val)
{
    qtest_writew(guest->qts,
                 ecam(guest, guest->pf, SRIOV_HOST_SRIOV_CAP + reg), val);
}

static void cap_writel(Guest *guest, unsigned reg, uint32_t val)
{
    qtest_writel(guest->qts,
                 ecam(guest, guest->pf, SRIOV_HOST_SRIOV_CAP + reg), val);
}

/* What a guest's PCI core looks at to see whether a function is there */
static bool function_exists(Guest *guest, unsigned devfn)
{
    return qtest_readl(guest->qts, ecam(guest, devfn, PCI_CLASS_REVISION)) !=
           UINT32_MAX;
}

static unsigned vf_devfn(Guest *guest, unsigned vf)
{
    return guest->pf + cap_readw(guest, PCI_SRIOV_VF_OFFSET) +
           vf * cap_readw(guest, PCI_SRIOV_VF_STRIDE);
}

static unsigned count_vfs(Guest *guest)
{
    unsigned count = 0;

    for (unsigned vf = 0; vf < SRIOV_HOST_TOTAL_VFS; vf++) {
        count += vf_devfn(guest, vf) < 256 &&
                 function_exists(guest, vf_devfn(guest, vf));
    }
    return count;
}

static void enable_vfs(Guest *guest, uint16_t num)
{
    cap_writew(guest, PCI_SRIOV_NUM_VF, num);
    cap_writew(guest, PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
}

static void open_ecam(QTestState *qts)
{
    /* PCIEXBAR of the q35 host bridge: 256 MiB at ECAM_BASE, enabled */
    qtest_outl(qts, 0xcf8, 0x80000060);
    qtest_outl(qts, 0xcfc, ECAM_BASE | 1);
}

static void guest_start_args(Guest *guest, const SriovHostConfig *config,
                             const char *args)
{
    guest->host = sriov_host_start(config);
    guest->bus = 0;
    guest->pf = ROOT_BUS_DEVFN;
    guest->qts = qtest_initf("-M q35 -nodefaults -device "
                             "'{\"driver\": \"vfio-user-pci\","
                             "\"id\": \"pf\", \"addr\": \"4.0\","
                             "\"sriov\": true, %s"
                             "\"socket\": {\"type\": \"unix\","
                             "\"path\": \"%s\"}}'", args,
                             sriov_host_socket(guest->host));
    open_ecam(guest->qts);
}

static void guest_start(Guest *guest)
{
    guest_start_args(guest, &(SriovHostConfig){ .vf_offset = 64 }, "");
}

/* What a guest does to let a device into a slot, and to let it go */
static void slot_set_power(Guest *guest, bool on)
{
    uint64_t port = ECAM_BASE + (PCI_DEVFN(3, 0) << 12);
    uint8_t cap = qtest_readb(guest->qts, port + PCI_CAPABILITY_LIST);

    while (qtest_readb(guest->qts, port + cap) != PCI_CAP_ID_EXP) {
        cap = qtest_readb(guest->qts, port + cap + PCI_CAP_LIST_NEXT);
        g_assert_cmpint(cap, !=, 0);
    }
    qtest_writew(guest->qts, port + cap + PCI_EXP_SLTCTL,
                 on ? PCI_EXP_SLTCTL_PWR_IND_ON
                    : PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF);
}

/* An empty root port with native hotplug, its bus number set */
static void guest_start_port(Guest *guest, const SriovHostConfig *config)
{
    guest->host = sriov_host_start(config);
    guest->bus = PF_BUS;
    guest->pf = 0;
    guest->qts = qtest_init("-M q35 -nodefaults -global "
        "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
        "-device pcie-root-port,id=rp0,addr=3.0,slot=1");
    open_ecam(guest->qts);
    qtest_writel(guest->qts, ECAM_BASE + (PCI_DEVFN(3, 0) << 12) +
                 PCI_PRIMARY_BUS, PF_BUS << 8 | PF_BUS << 16);
}

static QDict *plug_pf(Guest *guest)
{
    return qtest_qmp(guest->qts, "{'execute': 'device_add', 'arguments': {"
                     "'driver': 'vfio-user-pci', 'id': 'pf', 'bus': 'rp0',"
                     "'sriov': true,"
                     "'socket': {'type': 'unix', 'path': %s}}}",
                     sriov_host_socket(guest->host));
}

static void assert_plugged(QDict *response)
{
    g_assert(qdict_haskey(response, "return"));
    qobject_unref(response);
}

static void assert_refused(QDict *response, const char *why)
{
    QDict *error = qdict_get_qdict(response, "error");

    g_assert_nonnull(error);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), why));
    qobject_unref(response);
}

static void guest_stop(Guest *guest)
{
    qtest_quit(guest->qts);
    sriov_host_stop(guest->host);
}

static void test_capabilities_lie_as_on_hardware(void)
{
    Guest guest;

    guest_start(&guest);
    g_assert_cmphex(qtest_readl(guest.qts, ecam(&guest, guest.pf,
                                                SRIOV_HOST_ARI_CAP)), ==,
                    PCI_EXT_CAP(PCI_EXT_CAP_ID_ARI, 1, SRIOV_HOST_SRIOV_CAP));
    g_assert_cmphex(qtest_readl(guest.qts, ecam(&guest, guest.pf,
                                                SRIOV_HOST_SRIOV_CAP)), ==,
                    PCI_EXT_CAP(PCI_EXT_CAP_ID_SRIOV, 1, SRIOV_HOST_DSN_CAP));
    g_assert_cmphex(qtest_readl(guest.qts, ecam(&guest, guest.pf,
                                                SRIOV_HOST_DSN_CAP)), ==,
                    PCI_EXT_CAP(PCI_EXT_CAP_ID_DSN, 1, 0));
    g_assert_cmpint(cap_readw(&guest, PCI_SRIOV_TOTAL_VF), ==,
                    SRIOV_HOST_TOTAL_VFS);
    /* The host has a function 1, the guest has not. */
    g_assert_cmphex(qtest_readw(guest.qts, ecam(&guest, guest.pf,
                                SRIOV_HOST_ARI_CAP + PCI_ARI_CAP)), ==, 0);
    guest_stop(&guest);
}

static void test_vfs_come_and_go(void)
{
    Guest guest;

    guest_start(&guest);
    g_assert_cmpint(count_vfs(&guest), ==, 0);

    for (unsigned num = 1; num <= SRIOV_HOST_TOTAL_VFS; num++) {
        enable_vfs(&guest, num);
        g_assert_cmpint(sriov_host_num_vfs(guest.host), ==, num);
        g_assert_cmpint(count_vfs(&guest), ==, num);
        g_assert(!function_exists(&guest, vf_devfn(&guest, num)));

        cap_writew(&guest, PCI_SRIOV_CTRL, 0);
        g_assert_cmpint(sriov_host_num_vfs(guest.host), ==, 0);
        g_assert_cmpint(count_vfs(&guest), ==, 0);
    }
    guest_stop(&guest);
}

static void test_vf_is_what_a_pci_core_expects(void)
{
    Guest guest;
    uint64_t vf;

    guest_start(&guest);
    enable_vfs(&guest, 2);
    vf = ecam(&guest, vf_devfn(&guest, 1), 0);

    /* The specification's "not me, my PF knows" */
    g_assert_cmphex(qtest_readl(guest.qts, vf + PCI_VENDOR_ID), ==, UINT32_MAX);
    g_assert_cmphex(qtest_readl(guest.qts, vf + PCI_CLASS_REVISION), ==,
                    PCI_CLASS_NETWORK_ETHERNET << 16 | 0x01);
    g_assert_cmphex(qtest_readl(guest.qts, vf + PCI_SUBSYSTEM_VENDOR_ID), ==,
                    0xa03cu << 16 | PCI_VENDOR_ID_INTEL);
    g_assert_cmphex(qtest_readb(guest.qts, vf + PCI_HEADER_TYPE), ==,
                    PCI_HEADER_TYPE_NORMAL);
    g_assert_cmphex(qtest_readb(guest.qts, vf + PCI_INTERRUPT_PIN), ==, 0);
    g_assert_cmphex(qtest_readb(guest.qts, vf + 0x40), ==, PCI_CAP_ID_EXP);
    g_assert_cmphex(qtest_readl(guest.qts, vf + 0x44) & PCI_EXP_DEVCAP_FLR, ==,
                    PCI_EXP_DEVCAP_FLR);
    g_assert_cmphex(qtest_readl(guest.qts, vf + 0x100), ==,
                    PCI_EXT_CAP(PCI_EXT_CAP_ID_ARI, 1, 0));

    /* Neither BARs nor Memory Space Enable are a VF's own. */
    qtest_writel(guest.qts, vf + PCI_BASE_ADDRESS_0, UINT32_MAX);
    g_assert_cmphex(qtest_readl(guest.qts, vf + PCI_BASE_ADDRESS_0), ==, 0);
    qtest_writew(guest.qts, vf + PCI_COMMAND, UINT16_MAX);
    g_assert_cmphex(qtest_readw(guest.qts, vf + PCI_COMMAND), ==,
                    PCI_COMMAND_MASTER);
    guest_stop(&guest);
}

static void test_refused_enable_shows_no_vfs(void)
{
    Guest guest;

    guest_start(&guest);
    sriov_host_refuse_enable(guest.host, true);
    enable_vfs(&guest, 2);
    g_assert_cmphex(cap_readw(&guest, PCI_SRIOV_CTRL) & PCI_SRIOV_CTRL_VFE,
                    ==, 0);
    g_assert_cmpint(cap_readw(&guest, PCI_SRIOV_NUM_VF), ==, 2);
    g_assert_cmpint(count_vfs(&guest), ==, 0);

    sriov_host_refuse_enable(guest.host, false);
    enable_vfs(&guest, 2);
    g_assert_cmpint(count_vfs(&guest), ==, 2);
    guest_stop(&guest);
}

static void test_num_vfs_is_frozen_while_enabled(void)
{
    Guest guest;

    guest_start(&guest);
    enable_vfs(&guest, 2);
    cap_writew(&guest, PCI_SRIOV_NUM_VF, 5);
    g_assert_cmpint(cap_readw(&guest, PCI_SRIOV_NUM_VF), ==, 2);
    g_assert_cmpint(count_vfs(&guest), ==, 2);
    guest_stop(&guest);
}

static void test_guest_gets_no_more_vfs_than_fit_its_bus(void)
{
    Guest guest;
    unsigned fit;

    /* PF 0x20, VFs at 0xe1, 0xef, 0xfd (all free on a q35) and beyond */
    guest_start_args(&guest, &(SriovHostConfig){ .vf_offset = 0xc1,
                                                 .vf_stride = 14 }, "");
    fit = cap_readw(&guest, PCI_SRIOV_TOTAL_VF);
    g_assert_cmpint(fit, ==, 3);
    g_assert_cmpint(cap_readw(&guest, PCI_SRIOV_INITIAL_VF), ==, fit);

    cap_writew(&guest, PCI_SRIOV_NUM_VF, fit + 1);
    g_assert_cmpint(sriov_host_reg(guest.host, PCI_SRIOV_NUM_VF), ==, 0);
    cap_writel(&guest, PCI_SRIOV_NUM_VF, fit + 1);
    g_assert_cmpint(sriov_host_reg(guest.host, PCI_SRIOV_NUM_VF), ==, 0);
    qtest_writeb(guest.qts, ecam(&guest, guest.pf, SRIOV_HOST_SRIOV_CAP +
                                 PCI_SRIOV_NUM_VF + 1), 1);
    g_assert_cmpint(sriov_host_reg(guest.host, PCI_SRIOV_NUM_VF), ==, 0);

    enable_vfs(&guest, fit);
    g_assert_cmpint(sriov_host_num_vfs(guest.host), ==, fit);
    g_assert(function_exists(&guest, 0xe1));
    g_assert(function_exists(&guest, 0xfd));
    guest_stop(&guest);
}

static void test_vfs_follow_offset_and_stride(void)
{
    Guest guest;

    guest_start(&guest);
    sriov_host_set_layout(guest.host, 96, 3);
    enable_vfs(&guest, 3);
    g_assert(function_exists(&guest, guest.pf + 96));
    g_assert(function_exists(&guest, guest.pf + 99));
    g_assert(function_exists(&guest, guest.pf + 102));
    g_assert(!function_exists(&guest, guest.pf + 64));

    cap_writew(&guest, PCI_SRIOV_CTRL, 0);
    sriov_host_set_layout(guest.host, 64, 2);
    enable_vfs(&guest, 1);
    g_assert(function_exists(&guest, guest.pf + 64));
    g_assert(!function_exists(&guest, guest.pf + 96));

    /* No room: the VFs are on the host, the guest doesn't find them. */
    cap_writew(&guest, PCI_SRIOV_CTRL, 0);
    sriov_host_set_layout(guest.host, 220, 2);
    enable_vfs(&guest, 1);
    g_assert_cmpint(sriov_host_num_vfs(guest.host), ==, 1);
    g_assert_cmpint(count_vfs(&guest), ==, 0);
    guest_stop(&guest);
}

static void assert_reset_state(Guest *guest)
{
    g_assert_cmphex(cap_readw(guest, PCI_SRIOV_CTRL), ==, 0);
    g_assert_cmpint(cap_readw(guest, PCI_SRIOV_NUM_VF), ==, 0);
    g_assert_cmphex(cap_readw(guest, PCI_SRIOV_BAR + 2), ==, 0);
    g_assert_cmphex(cap_readw(guest, PCI_SRIOV_SYS_PGSIZE), ==, 1);
    g_assert_cmpint(count_vfs(guest), ==, 0);
}

static void test_guest_starts_anew_after_reset(void)
{
    Guest guest;

    guest_start(&guest);
    for (int refuse = 0; refuse < 2; refuse++) {
        sriov_host_refuse_reset(guest.host, refuse);
        cap_writel(&guest, PCI_SRIOV_BAR, VF_BAR_ADDR);
        cap_writel(&guest, PCI_SRIOV_SYS_PGSIZE, 0x10);
        enable_vfs(&guest, 4);
        g_assert_cmpint(count_vfs(&guest), ==, 4);

        qtest_system_reset(guest.qts);
        open_ecam(guest.qts);
        assert_reset_state(&guest);
        enable_vfs(&guest, 3);
        g_assert_cmpint(count_vfs(&guest), ==, 3);
        cap_writew(&guest, PCI_SRIOV_CTRL, 0);
    }
    guest_stop(&guest);
}

static uint32_t vf_bar_readl(Guest *guest, unsigned vf, unsigned offset)
{
    return qtest_readl(guest->qts,
                       VF_BAR_ADDR + vf * SRIOV_HOST_BAR_SIZE + offset);
}

static void test_vf_bars_are_empty_by_default(void)
{
    Guest guest;

    guest_start(&guest);
    cap_writel(&guest, PCI_SRIOV_BAR, VF_BAR_ADDR);
    enable_vfs(&guest, 2);
    stl_le_p(sriov_host_slice(guest.host, 1), 0x12345678);
    g_assert_cmphex(vf_bar_readl(&guest, 1, 0), ==, UINT32_MAX);
    qtest_writel(guest.qts, VF_BAR_ADDR + SRIOV_HOST_BAR_SIZE, 0);
    g_assert_cmphex(ldl_le_p(sriov_host_slice(guest.host, 1)), ==, 0x12345678);
    guest_stop(&guest);
}

static void test_vf_bars_reach_the_slices_that_the_host_grants(void)
{
    Guest guest;

    guest_start_args(&guest, &(SriovHostConfig){ .vf_offset = 64 },
                     "\"sriov-vf-bars\": true,");
    cap_writel(&guest, PCI_SRIOV_BAR, VF_BAR_ADDR);
    enable_vfs(&guest, 2);
    stl_le_p(sriov_host_slice(guest.host, 1) + 8, 0x12345678);
    g_assert_cmphex(vf_bar_readl(&guest, 1, 8), ==, 0x12345678);
    qtest_writel(guest.qts, VF_BAR_ADDR + 16, 0xcafe);
    g_assert_cmphex(ldl_le_p(sriov_host_slice(guest.host, 0) + 16), ==, 0xcafe);

    sriov_host_refuse_slice(guest.host, 1, true);
    g_assert_cmphex(vf_bar_readl(&guest, 1, 8), ==, UINT32_MAX);
    qtest_writel(guest.qts, VF_BAR_ADDR + SRIOV_HOST_BAR_SIZE + 8, 1);
    g_assert_cmphex(ldl_le_p(sriov_host_slice(guest.host, 1) + 8), ==,
                    0x12345678);
    g_assert_cmphex(vf_bar_readl(&guest, 0, 16), ==, 0xcafe);

    /* With VF MSE off, nobody answers at the address. */
    cap_writew(&guest, PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE);
    qtest_writel(guest.qts, VF_BAR_ADDR + 16, 0xdead);
    g_assert_cmphex(ldl_le_p(sriov_host_slice(guest.host, 0) + 16), ==, 0xcafe);
    guest_stop(&guest);
}

static void test_pf_is_unplugged_with_its_vfs(void)
{
    Guest guest;

    guest_start_port(&guest, &(SriovHostConfig){ });
    assert_plugged(plug_pf(&guest));
    slot_set_power(&guest, true);
    enable_vfs(&guest, SRIOV_HOST_TOTAL_VFS);
    g_assert_cmpint(count_vfs(&guest), ==, SRIOV_HOST_TOTAL_VFS);

    slot_set_power(&guest, false);
    g_assert(!function_exists(&guest, guest.pf));
    g_assert(!function_exists(&guest, guest.pf + 128));
    qtest_qmp_eventwait(guest.qts, "DEVICE_DELETED");

    /* All that was taken is free again. */
    assert_plugged(plug_pf(&guest));
    slot_set_power(&guest, true);
    enable_vfs(&guest, 1);
    g_assert_cmpint(count_vfs(&guest), ==, 1);
    guest_stop(&guest);
}

static void test_stock_host_driver_is_an_error(void)
{
    Guest guest;

    guest_start_port(&guest, &(SriovHostConfig){ .stock = true });
    assert_refused(plug_pf(&guest), "bind the device to vfio-pci-sriov");
    guest_stop(&guest);
}

static void test_no_vf_on_the_bus_is_an_error(void)
{
    Guest guest;

    guest_start_port(&guest, &(SriovHostConfig){ .vf_offset = 256 });
    assert_refused(plug_pf(&guest), "First VF Offset 256");
    guest_stop(&guest);
}

static void test_senseless_host_is_an_error(void)
{
    Guest guest;

    guest_start_port(&guest, &(SriovHostConfig){ .slice_size = 0x3000 });
    assert_refused(plug_pf(&guest), "makes no sense");
    guest_stop(&guest);

    guest_start_port(&guest, &(SriovHostConfig){
                                 .slice_size = 2 * SRIOV_HOST_BAR_SIZE });
    assert_refused(plug_pf(&guest), "makes no sense");
    guest_stop(&guest);
}

static void test_ordinary_migration_is_blocked(void)
{
    Guest guest;

    guest_start(&guest);
    assert_refused(qtest_qmp(guest.qts, "{'execute': 'migrate', 'arguments':"
                             "{'uri': 'exec:cat > /dev/null'}}"),
                   "cpr-transfer");
    guest_stop(&guest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/vfio-sriov/capabilities",
                   test_capabilities_lie_as_on_hardware);
    qtest_add_func("/vfio-sriov/come-and-go", test_vfs_come_and_go);
    qtest_add_func("/vfio-sriov/vf-config", test_vf_is_what_a_pci_core_expects);
    qtest_add_func("/vfio-sriov/refused", test_refused_enable_shows_no_vfs);
    qtest_add_func("/vfio-sriov/frozen", test_num_vfs_is_frozen_while_enabled);
    qtest_add_func("/vfio-sriov/fit",
                   test_guest_gets_no_more_vfs_than_fit_its_bus);
    qtest_add_func("/vfio-sriov/layout", test_vfs_follow_offset_and_stride);
    qtest_add_func("/vfio-sriov/reset", test_guest_starts_anew_after_reset);
    qtest_add_func("/vfio-sriov/vf-bars/empty",
                   test_vf_bars_are_empty_by_default);
    qtest_add_func("/vfio-sriov/vf-bars/slices",
                   test_vf_bars_reach_the_slices_that_the_host_grants);
    qtest_add_func("/vfio-sriov/unplug", test_pf_is_unplugged_with_its_vfs);
    qtest_add_func("/vfio-sriov/error/stock",
                   test_stock_host_driver_is_an_error);
    qtest_add_func("/vfio-sriov/error/bus", test_no_vf_on_the_bus_is_an_error);
    qtest_add_func("/vfio-sriov/error/host", test_senseless_host_is_an_error);
    qtest_add_func("/vfio-sriov/migration", test_ordinary_migration_is_blocked);

    return g_test_run();
}
