/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side of an assigned PF, for tests: a vfio-user server in a thread
 *
 * It has the few rules of the host's driver that QEMU's behaviour hangs on:
 * requests can be refused, NumVFs is frozen while VF_Enable is set, and a
 * reset clears the capability unless it is refused.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include <linux/vfio_pci_sriov.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hw/pci/pci.h"
#include "hw/pci/pcie_regs.h"
#include "hw/vfio-user/protocol.h"
#include "qemu/bitops.h"
#include "vfio-sriov-host.h"

#define HOST_REGION_VF_BAR  VFIO_PCI_NUM_REGIONS
#define HOST_NUM_REGIONS    (VFIO_PCI_NUM_REGIONS + 1)
#define HOST_EXP_CAP        0x40
#define HOST_MAX_MSG        8192

struct SriovHost {
    GMutex lock;            /* protects all that is below */
    SriovHostConfig config;
    uint8_t space[PCIE_CONFIG_SPACE_SIZE];
    uint8_t *slices;
    bool refuse_enable;
    bool refuse_reset;
    uint64_t refuse_slices; /* a bit a VF */

    /* written before the thread starts */
    char *dir;
    char *path;
    int listener;
    int wake[2];            /* its closing ends the thread */
    GThread *thread;
};

static uint8_t *host_regs(SriovHost *host)
{
    return host->space + SRIOV_HOST_SRIOV_CAP;
}

static void host_reset_regs(SriovHost *host)
{
    uint8_t *regs = host_regs(host);

    memset(regs + 4, 0, PCI_EXT_CAP_SRIOV_SIZEOF - 4);
    stl_le_p(regs + PCI_SRIOV_CAP, 2);
    stw_le_p(regs + PCI_SRIOV_INITIAL_VF, host->config.total_vfs);
    stw_le_p(regs + PCI_SRIOV_TOTAL_VF, host->config.total_vfs);
    stw_le_p(regs + PCI_SRIOV_VF_OFFSET, host->config.vf_offset);
    stw_le_p(regs + PCI_SRIOV_VF_STRIDE, host->config.vf_stride);
    stw_le_p(regs + PCI_SRIOV_VF_DID, SRIOV_HOST_VF_DEVICE_ID);
    stl_le_p(regs + PCI_SRIOV_SUP_PGSIZE, 0x553);
    stl_le_p(regs + PCI_SRIOV_SYS_PGSIZE, 1);
    stl_le_p(regs + PCI_SRIOV_BAR, PCI_BASE_ADDRESS_MEM_TYPE_64 |
                                   PCI_BASE_ADDRESS_MEM_PREFETCH);
}

static void host_init_space(SriovHost *host)
{
    uint8_t *space = host->space;

    stw_le_p(space + PCI_VENDOR_ID, PCI_VENDOR_ID_INTEL);
    stw_le_p(space + PCI_DEVICE_ID, 0x10c9);
    stw_le_p(space + PCI_STATUS, PCI_STATUS_CAP_LIST);
    stl_le_p(space + PCI_CLASS_REVISION,
             PCI_CLASS_NETWORK_ETHERNET << 16 | 0x01);
    stw_le_p(space + PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_INTEL);
    stw_le_p(space + PCI_SUBSYSTEM_ID, 0xa03c);
    space[PCI_CAPABILITY_LIST] = HOST_EXP_CAP;

    space[HOST_EXP_CAP] = PCI_CAP_ID_EXP;
    stw_le_p(space + HOST_EXP_CAP + PCI_EXP_FLAGS,
             PCI_EXP_FLAGS_VER2 | PCI_EXP_TYPE_ENDPOINT << 4);

    stl_le_p(space + SRIOV_HOST_ARI_CAP,
             PCI_EXT_CAP(PCI_EXT_CAP_ID_ARI, 1, SRIOV_HOST_SRIOV_CAP));
    /* The next function, which the guest has not */
    stw_le_p(space + SRIOV_HOST_ARI_CAP + PCI_ARI_CAP, 1 << 8);
    stl_le_p(space + SRIOV_HOST_SRIOV_CAP,
             PCI_EXT_CAP(PCI_EXT_CAP_ID_SRIOV, 1, SRIOV_HOST_DSN_CAP));
    stl_le_p(space + SRIOV_HOST_DSN_CAP,
             PCI_EXT_CAP(PCI_EXT_CAP_ID_DSN, 1, 0));
    host_reset_regs(host);
}

/* One byte of a write to the capability: only what software may write. */
static void host_write_reg(SriovHost *host, unsigned reg, uint8_t val)
{
    uint8_t *regs = host_regs(host);
    bool enabled = regs[PCI_SRIOV_CTRL] & PCI_SRIOV_CTRL_VFE;

    switch (reg) {
    case PCI_SRIOV_CTRL:
        if (val & PCI_SRIOV_CTRL_VFE && !enabled && host->refuse_enable) {
            val &= ~PCI_SRIOV_CTRL_VFE;
        }
        regs[reg] = val & (PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE |
                           PCI_SRIOV_CTRL_ARI);
        break;
    case PCI_SRIOV_NUM_VF ... PCI_SRIOV_NUM_VF + 1:
    case PCI_SRIOV_SYS_PGSIZE ... PCI_SRIOV_SYS_PGSIZE + 3:
        if (!enabled) {
            regs[reg] = val;
        }
        break;
    case PCI_SRIOV_BAR:
        break;
    case PCI_SRIOV_BAR + 1 ... PCI_SRIOV_BAR + 7:
        regs[reg] = val & ~((SRIOV_HOST_BAR_SIZE - 1) >>
                            8 * (reg - PCI_SRIOV_BAR));
        break;
    }
}

static int host_access_config(SriovHost *host, VFIOUserRegionRW *rw, bool write)
{
    if (rw->offset > PCIE_CONFIG_SPACE_SIZE ||
        rw->count > PCIE_CONFIG_SPACE_SIZE - rw->offset) {
        return -EINVAL;
    }
    if (!write) {
        memcpy(rw->data, host->space + rw->offset, rw->count);
        return 0;
    }

    for (unsigned i = 0; i < rw->count; i++) {
        unsigned reg = rw->offset + i - SRIOV_HOST_SRIOV_CAP;

        if (reg < PCI_EXT_CAP_SRIOV_SIZEOF) {
            host_write_reg(host, reg, rw->data[i]);
        }
    }
    return 0;
}

static int host_access_slices(SriovHost *host, VFIOUserRegionRW *rw, bool write)
{
    uint64_t size = (uint64_t)host->config.total_vfs * SRIOV_HOST_BAR_SIZE;

    if (rw->offset > size || rw->count > size - rw->offset) {
        return -EINVAL;
    }
    if (host->refuse_slices & BIT_ULL(rw->offset / SRIOV_HOST_BAR_SIZE)) {
        return -EBUSY;
    }

    if (write) {
        memcpy(host->slices + rw->offset, rw->data, rw->count);
    } else {
        memcpy(rw->data, host->slices + rw->offset, rw->count);
    }
    return 0;
}

static int host_access(SriovHost *host, VFIOUserHdr *hdr)
{
    VFIOUserRegionRW *rw = (VFIOUserRegionRW *)hdr;
    bool write = hdr->command == VFIO_USER_REGION_WRITE;
    int err;

    if (rw->count > HOST_MAX_MSG - sizeof(*rw)) {
        return -EINVAL;
    }

    switch (rw->region) {
    case VFIO_PCI_CONFIG_REGION_INDEX:
        err = host_access_config(host, rw, write);
        break;
    case HOST_REGION_VF_BAR:
        err = host_access_slices(host, rw, write);
        break;
    default:
        err = -EINVAL;
    }

    hdr->size = sizeof(*rw) + (write || err ? 0 : rw->count);
    return err;
}

static void host_vf_bar_info(SriovHost *host, VFIOUserRegionInfo *info)
{
    struct {
        struct vfio_region_info_cap_type type;
        struct vfio_region_info_cap_sriov_vf_bar bar;
    } caps = {
        .type = {
            .header = { .id = VFIO_REGION_INFO_CAP_TYPE, .version = 1 },
            .type = VFIO_REGION_TYPE_PCI_SRIOV,
            .subtype = VFIO_REGION_SUBTYPE_PCI_SRIOV_VF_BAR,
        },
        .bar = {
            .header = { .id = VFIO_REGION_INFO_CAP_SRIOV_VF_BAR, .version = 1 },
            .slices = host->config.total_vfs,
            .stride = host->config.slice_size,
        },
    };
    uint32_t start = sizeof(*info) - sizeof(info->hdr);
    uint32_t room = info->argsz;

    caps.type.header.next = start + offsetof(typeof(caps), bar);
    info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
                  VFIO_REGION_INFO_FLAG_CAPS;
    info->size = (uint64_t)host->config.total_vfs * SRIOV_HOST_BAR_SIZE;
    info->argsz = start + sizeof(caps);
    info->cap_offset = start;
    if (room >= info->argsz) {
        memcpy(info + 1, &caps, sizeof(caps));
        info->hdr.size += sizeof(caps);
    }
}

static int host_region_info(SriovHost *host, VFIOUserHdr *hdr)
{
    VFIOUserRegionInfo *info = (VFIOUserRegionInfo *)hdr;

    hdr->size = sizeof(*info);
    info->cap_offset = 0;
    info->flags = 0;
    info->size = 0;
    info->offset = 0;

    if (info->index == VFIO_PCI_CONFIG_REGION_INDEX) {
        info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
        info->size = PCIE_CONFIG_SPACE_SIZE;
    } else if (info->index == HOST_REGION_VF_BAR && !host->config.stock) {
        host_vf_bar_info(host, info);
        return 0;
    }
    info->argsz = sizeof(*info) - sizeof(*hdr);
    return 0;
}

static int host_command(SriovHost *host, VFIOUserHdr *hdr)
{
    static const char caps[] = "{\"capabilities\":{\"max_msg_fds\":8}}";
    VFIOUserVersion *version = (VFIOUserVersion *)hdr;
    VFIOUserDeviceInfo *info = (VFIOUserDeviceInfo *)hdr;

    switch (hdr->command) {
    case VFIO_USER_VERSION:
        memcpy(version->capabilities, caps, sizeof(caps));
        hdr->size = sizeof(*version) + sizeof(caps);
        return 0;
    case VFIO_USER_DEVICE_GET_INFO:
        info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
        info->num_regions = HOST_NUM_REGIONS - host->config.stock;
        info->num_irqs = VFIO_PCI_NUM_IRQS;
        return 0;
    case VFIO_USER_DEVICE_GET_REGION_INFO:
        return host_region_info(host, hdr);
    case VFIO_USER_DEVICE_GET_IRQ_INFO:
        ((VFIOUserIRQInfo *)hdr)->flags = 0;
        ((VFIOUserIRQInfo *)hdr)->count = 0;
        return 0;
    case VFIO_USER_REGION_READ:
    case VFIO_USER_REGION_WRITE:
        return host_access(host, hdr);
    case VFIO_USER_DEVICE_RESET:
        if (host->refuse_reset) {
            return -EBUSY;
        }
        host_reset_regs(host);
        return 0;
    case VFIO_USER_DMA_MAP:
    case VFIO_USER_DMA_UNMAP:
    case VFIO_USER_DEVICE_SET_IRQS:
        hdr->size = sizeof(*hdr);
        return 0;
    default:
        return -ENOSYS;
    }
}

/* The file descriptors that come with DMA maps are of no use here. */
static bool host_recv(int fd, void *buf, size_t len)
{
    while (len) {
        union {
            struct cmsghdr align;
            char buf[CMSG_SPACE(sizeof(int) * VFIO_USER_MAX_MAX_FDS)];
        } control;
        struct iovec iov = { .iov_base = buf, .iov_len = len };
        struct msghdr msg = {
            .msg_iov = &iov, .msg_iovlen = 1,
            .msg_control = &control, .msg_controllen = sizeof(control),
        };
        ssize_t got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
             c = CMSG_NXTHDR(&msg, c)) {
            for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                 i++) {
                close(((int *)CMSG_DATA(c))[i]);
            }
        }
        buf = (char *)buf + got;
        len -= got;
    }
    return true;
}

/* Returns false when the client is gone. */
static bool host_serve(SriovHost *host, int fd)
{
    union {
        VFIOUserHdr hdr;
        char data[HOST_MAX_MSG];
    } msg;
    bool no_reply;
    int err;

    if (!host_recv(fd, &msg.hdr, sizeof(msg.hdr)) ||
        msg.hdr.size < sizeof(msg.hdr) || msg.hdr.size > sizeof(msg) ||
        !host_recv(fd, &msg.hdr + 1, msg.hdr.size - sizeof(msg.hdr))) {
        return false;
    }

    no_reply = msg.hdr.flags & VFIO_USER_NO_REPLY;
    g_mutex_lock(&host->lock);
    err = host_command(host, &msg.hdr);
    g_mutex_unlock(&host->lock);
    if (no_reply) {
        return true;
    }

    msg.hdr.flags = VFIO_USER_REPLY | (err ? VFIO_USER_ERROR : 0);
    msg.hdr.error_reply = -err;
    if (err) {
        msg.hdr.size = sizeof(msg.hdr);
    }
    return send(fd, &msg, msg.hdr.size, MSG_NOSIGNAL) == msg.hdr.size;
}

static void *host_thread(void *opaque)
{
    SriovHost *host = opaque;
    int client = -1;

    for (;;) {
        struct pollfd fds[] = {
            { .fd = host->wake[0], .events = POLLIN },
            { .fd = host->listener, .events = client < 0 ? POLLIN : 0 },
            { .fd = client, .events = POLLIN },
        };

        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR) {
            break;
        }
        if (fds[0].revents) {
            break;
        }
        if (client < 0 && fds[1].revents & POLLIN) {
            client = accept(host->listener, NULL, NULL);
        } else if (client >= 0 && fds[2].revents && !host_serve(host, client)) {
            close(client);
            client = -1;
        }
    }

    if (client >= 0) {
        close(client);
    }
    return NULL;
}

SriovHost *sriov_host_start(const SriovHostConfig *config)
{
    SriovHost *host = g_new0(SriovHost, 1);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    g_mutex_init(&host->lock);
    host->config = *config;
    host->config.total_vfs = config->total_vfs ?: SRIOV_HOST_TOTAL_VFS;
    host->config.vf_offset = config->vf_offset ?: 128;
    host->config.vf_stride = config->vf_stride ?: 2;
    host->config.slice_size = config->slice_size ?: SRIOV_HOST_BAR_SIZE;
    host->slices = g_malloc0((size_t)host->config.total_vfs *
                             SRIOV_HOST_BAR_SIZE);
    host_init_space(host);

    host->dir = g_dir_make_tmp("vfio-sriov-XXXXXX", NULL);
    g_assert_nonnull(host->dir);
    host->path = g_build_filename(host->dir, "pf.sock", NULL);
    g_assert_cmpint(g_strlcpy(addr.sun_path, host->path,
                              sizeof(addr.sun_path)), <, sizeof(addr.sun_path));
    host->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(host->listener, >=, 0);
    g_assert_cmpint(bind(host->listener, (struct sockaddr *)&addr,
                         sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(host->listener, 1), ==, 0);
    g_assert_cmpint(pipe(host->wake), ==, 0);
    host->thread = g_thread_new("sriov-host", host_thread, host);
    return host;
}

void sriov_host_stop(SriovHost *host)
{
    close(host->wake[1]);
    g_thread_join(host->thread);
    close(host->wake[0]);
    close(host->listener);
    unlink(host->path);
    rmdir(host->dir);
    g_free(host->path);
    g_free(host->dir);
    g_free(host->slices);
    g_mutex_clear(&host->lock);
    g_free(host);
}

const char *sriov_host_socket(SriovHost *host)
{
    return host->path;
}

void sriov_host_refuse_enable(SriovHost *host, bool refuse)
{
    g_mutex_lock(&host->lock);
    host->refuse_enable = refuse;
    g_mutex_unlock(&host->lock);
}

void sriov_host_refuse_reset(SriovHost *host, bool refuse)
{
    g_mutex_lock(&host->lock);
    host->refuse_reset = refuse;
    g_mutex_unlock(&host->lock);
}

void sriov_host_refuse_slice(SriovHost *host, unsigned vf, bool refuse)
{
    g_mutex_lock(&host->lock);
    host->refuse_slices = deposit64(host->refuse_slices, vf, 1, refuse);
    g_mutex_unlock(&host->lock);
}

void sriov_host_set_layout(SriovHost *host, uint16_t offset, uint16_t stride)
{
    g_mutex_lock(&host->lock);
    stw_le_p(host_regs(host) + PCI_SRIOV_VF_OFFSET, offset);
    stw_le_p(host_regs(host) + PCI_SRIOV_VF_STRIDE, stride);
    g_mutex_unlock(&host->lock);
}

uint16_t sriov_host_reg(SriovHost *host, unsigned reg)
{
    uint16_t val;

    g_mutex_lock(&host->lock);
    val = lduw_le_p(host_regs(host) + reg);
    g_mutex_unlock(&host->lock);
    return val;
}

uint16_t sriov_host_num_vfs(SriovHost *host)
{
    return sriov_host_reg(host, PCI_SRIOV_CTRL) & PCI_SRIOV_CTRL_VFE ?
           sriov_host_reg(host, PCI_SRIOV_NUM_VF) : 0;
}

/* Only to be used while the guest has no access in flight */
uint8_t *sriov_host_slice(SriovHost *host, unsigned vf)
{
    return host->slices + vf * SRIOV_HOST_BAR_SIZE;
}
