package sqldb_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm/clause"

	"ringfence/internal/sqldb"
	"ringfence/internal/sqldb/dbtest"
)

// TestGorm is the round trip of what the stores use, on both dialects.
func TestGorm(t *testing.T) {
	note, parent := `it's a "note" with ? and é`, int64(1)
	things := []thing{
		{Name: "a", Data: []byte{0, 255, 1}, Note: &note, Big: math.MaxInt64, Enabled: true},
		{Name: "b", Data: []byte("x"), Parent: &parent, Big: math.MinInt64},
		{Name: "c", Data: []byte("y")},
	}
	dbtest.Each(t, func(t *testing.T, db *sqldb.DB) {
		withThings(t, db)
		stored := append([]thing{}, things...)
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			copy(stored, things)
			return tx.Gorm().Create(&stored).Error
		}); err != nil {
			t.Fatal(err)
		}
		for i := range stored {
			if stored[i].ID != int64(i+1) {
				t.Errorf("RETURNING gave id %d, want %d", stored[i].ID, i+1)
			}
		}
		find(t, db, stored)
		conflict(t, db)
		update(t, db)
	})
}

func find(t *testing.T, db *sqldb.DB, stored []thing) {
	t.Helper()
	tests := []struct {
		name          string
		limit, offset int
		want          []thing
	}{
		{"all", -1, -1, stored},
		{"limit", 2, -1, stored[:2]},
		{"limit and offset", 1, 1, stored[1:2]},
		{"offset alone", -1, 1, stored[1:]},
		{"nothing", 0, -1, []thing{}},
	}
	for _, tt := range tests {
		var got []thing
		if err := db.Read(t.Context()).Order("things.id").Limit(tt.limit).Offset(tt.offset).Find(&got).Error; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	var n int64
	err := db.Read(t.Context()).Model(&thing{}).Where("name IN ? AND note IS NULL", []string{"b", "c"}).
		Where(&thing{Name: "c"}).Count(&n).Error
	if err != nil || n != 1 {
		t.Errorf("Count = %d, %v, want 1", n, err)
	}
}

func conflict(t *testing.T, db *sqldb.DB) {
	t.Helper()
	replace := clause.OnConflict{
		Columns:   []clause.Column{{Name: "name"}},
		DoUpdates: clause.AssignmentColumns([]string{"data", "big"}),
	}
	got := thing{Name: "c", Data: []byte("new"), Big: 7}
	skipped := thing{Name: "c", Data: []byte("never")}
	var skippedRows int64
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if err := tx.Gorm().Clauses(replace).Create(&got).Error; err != nil {
			return err
		}
		res := tx.Gorm().Clauses(clause.OnConflict{DoNothing: true}).Create(&skipped)
		skippedRows = res.RowsAffected
		return res.Error
	}); err != nil {
		t.Fatal(err)
	}
	if got.ID != 3 || skippedRows != 0 {
		t.Errorf("ON CONFLICT: id %d and %d rows, want 3 and 0", got.ID, skippedRows)
	}
}

func update(t *testing.T, db *sqldb.DB) {
	t.Helper()
	var rows []int64
	var taken, returned thing
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		swap := tx.Gorm().Model(&thing{}).Where("name = ? AND big = ?", "c", 7).Update("big", 8)
		again := tx.Gorm().Model(&thing{}).Where("name = ? AND big = ?", "c", 7).Update("big", 9)
		gone := tx.Gorm().Where("name = ?", "b").Delete(&thing{})
		back := tx.Gorm().Model(&returned).Clauses(clause.Returning{}).Where("name = ?", "c").
			Updates(map[string]any{"note": nil, "enabled": true})
		rows = []int64{swap.RowsAffected, again.RowsAffected, gone.RowsAffected, back.RowsAffected}
		if err := errors.Join(swap.Error, again.Error, gone.Error, back.Error); err != nil {
			return err
		}
		return tx.Gorm().Clauses(clause.Locking{Strength: "UPDATE"}).Where("name = ?", "c").Take(&taken).Error
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 0, 1, 1}, rows); diff != "" {
		t.Errorf("rows affected (-want +got):\n%s", diff)
	}
	want := thing{ID: 3, Name: "c", Data: []byte("new"), Big: 8, Enabled: true}
	if diff := cmp.Diff(want, taken); diff != "" {
		t.Errorf("after the update (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, returned); diff != "" {
		t.Errorf("RETURNING (-want +got):\n%s", diff)
	}
}
