// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for an agent, on libvirt's test driver, whose domains have none. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/virt.h"

#define TIMEOUT_S 60
#define LONG_MS	  (10 * TIMEOUT_S * 1000)

static virConnectPtr conn;
static bool dies_behind_the_look;

int __real_virDomainIsActive(virDomainPtr dom);
int __wrap_virDomainIsActive(virDomainPtr dom);

int __wrap_virDomainIsActive(virDomainPtr dom)
{
	int active = __real_virDomainIsActive(dom);

	if (dies_behind_the_look)
		assert_int_equal(virDomainDestroy(dom), 0);
	return active;
}

static void *run_libvirt(void *data)
{
	for (;;)
		virEventRunDefaultImpl();
	return NULL;
}

static int setup(void **state)
{
	pthread_t thread;

	alarm(TIMEOUT_S); /* who waits for the agent of a dead one ends here */
	assert_int_equal(virEventRegisterDefaultImpl(), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_libvirt, NULL), 0);
	pthread_detach(thread);
	return virt_connect("test:///default", &conn, NULL);
}

static int teardown(void **state)
{
	virConnectClose(conn);
	return 0;
}

static void expect_end(virDomainPtr dom)
{
	struct problem problem;

	assert_int_equal(virt_wait_agent(dom, LONG_MS, &problem), -ECONNABORTED);
	assert_string_equal(problem.text, "test: ended while its guest agent was waited for");
}

static void an_agent_that_is_late_is_waited_for_as_long_as_said(void **state)
{
	CLEANUP(virt_free) virDomainPtr dom = virDomainLookupByName(conn, "test");
	struct problem problem;

	assert_int_equal(virt_wait_agent(dom, 10, &problem), -ETIMEDOUT);
	assert_non_null(strstr(problem.text, "didn't answer within 10 ms"));
}

static void nobody_waits_for_the_agent_of_a_domain_that_ends(void **state)
{
	CLEANUP(virt_free) virDomainPtr dom = virDomainLookupByName(conn, "test");

	dies_behind_the_look = true;
	expect_end(dom);
	dies_behind_the_look = false;
	expect_end(dom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_that_is_late_is_waited_for_as_long_as_said),
		cmocka_unit_test(nobody_waits_for_the_agent_of_a_domain_that_ends),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
